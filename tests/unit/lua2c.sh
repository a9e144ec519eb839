#!/bin/sh
# lua2c.awk: Lua in, C out; and what it must refuse.

set -u
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
program=${top_srcdir:?}/src/queue/lua2c.awk
n=0

# check WHAT: reports the last command
check() {
	status=$?
	n=$((n + 1))
	if [ "$status" -eq 0 ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
	fi
}

convert() {
	"${AWK:-awk}" -v folder="$folder/include" -f "$program" "$@" \
		>"$folder/out.c" 2>"$folder/err"
}

has() {
	grep -qF -e "$1" "$folder/out.c"
}

mkdir "$folder/include"
cat >"$folder/include/one.lua" <<'EOF'
-- a comment
--- @keys 3
local one = 1
EOF
cat >"$folder/include/two.lua" <<'EOF'
--- @include one.lua
local two = 2
EOF
cat >"$folder/first.lua" <<'EOF'
-- comments go
--- @include one.lua
--- @include two.lua

	local text = "a\\n" -- this one stays
return text
EOF
cat >"$folder/second.lua" <<'EOF'
--- @include two.lua
return 2
EOF

convert "$folder/first.lua" "$folder/second.lua"
check "converts two scripts"
has '.name = "first", .n_keys = 3, .text = text_first,'
check "names the script and counts its keys"
has '"\tlocal text = \"a\\\\n\" -- this one stays\n"'
check "escapes what C would read"
! has 'comments go' && ! has '@include'
check "leaves out comments and directives"
[ "$(grep -c 'local one' "$folder/out.c")" -eq 2 ]
check "includes a file once in each script"
has '&queue_script_first,' && has '&queue_script_second,' && has 'NULL,'
check "lists the scripts"

echo '--- @include none.lua' >"$folder/bad.lua"
! convert "$folder/bad.lua" && grep -q 'none.lua' "$folder/err"
check "refuses a missing include"
echo 'return 1' >"$folder/bad.lua"
! convert "$folder/bad.lua" && grep -q '@keys' "$folder/err"
check "refuses a script that does not count its keys"
! convert "$folder/absent.lua" && grep -q 'absent.lua' "$folder/err"
check "refuses a missing script"

echo "1..$n"
