#!/bin/sh
# What a reviewer should not have to look for: banned functions, blanks at the
# ends of lines, files and rooms that outgrew or lost their noun, formatting.
# At the end the rules are tried on planted sins.
top_srcdir=${top_srcdir:-$(dirname "$0")/..}

# The list of the house, and siblings that share the reason.
banned='atoi|strcpy|strcat|sprintf|vsprintf|strtok|gets|system'
banned="$banned|popen|alloca|localtime|gmtime|rand|srand"

# Our C below the folder $1; the fuzzers' corpora are not text.
c_files()
{
	(cd "$1" && find src fcgi worker tests -name '*.[ch]' \
		! -path src/queue/scripts.c 2>/dev/null | LC_ALL=C sort)
}

# C without its comments, strings and characters; line numbers stay.
code_of() # FILE
{
	awk '
	{
		out = ""
		n = length($0)
		for (i = 1; i <= n; i++) {
			c = substr($0, i, 1)
			two = substr($0, i, 2)
			if (in_comment) {
				if (two == "*/") {
					in_comment = 0
					i++
				}
			} else if (quote != "") {
				if (c == "\\")
					i++
				else if (c == quote)
					quote = ""
			} else if (two == "/*") {
				in_comment = 1
				i++
			} else if (two == "//") {
				break
			} else if (c == "\"" || c == "\047") {
				quote = c
			} else {
				out = out c
			}
		}
		quote = "" # a string ends on its line
		print out
	}' "$1"
}

find_banned() # FOLDER
{
	c_files "$1" | while read -r file; do
		code_of "$1/$file" |
			grep -nE "(^|[^A-Za-z0-9_])($banned)[[:space:]]*\(" |
			sed "s|^|$file:|"
	done
}

find_trailing_blanks() # FOLDER
{
	(cd "$1" && find src fcgi worker tests etc doc debian tools \
		configure.ac Makefile.am README.md HACKING.md NEWS.md \
		-type f ! -path '*/fuzz/corpus/*' ! -path '*/node_modules/*' \
		-exec grep -InE '[[:blank:]]+$' /dev/null {} + 2>/dev/null)
}

find_nameless_rooms() # FOLDER
{
	c_files "$1" | grep -E '(^|/|_)(util|utils|common|helper|helpers|misc)[./_]'
}

find_missing_essays() # FOLDER
{
	c_files "$1" | while read -r file; do
		[ "$(head -c 2 "$1/$file")" = '/*' ] || echo "$file"
	done
}

find_unformatted() # FOLDER
{
	(cd "$1" && c_files . | xargs clang-format --dry-run 2>&1 |
		grep 'clang-format-violations' | cut -d: -f1 | uniq -c)
}

n_cases=0
n_failed=0
report() # OK-or-not DESCRIPTION
{
	n_cases=$((n_cases + 1))
	[ "$1" = ok ] || n_failed=$((n_failed + 1))
	echo "$1 $n_cases - $2"
}

expect_nothing() # DESCRIPTION COMMAND...
{
	description=$1
	shift
	"$@" >"$scratch/lines"
	if [ -s "$scratch/lines" ]; then
		sed 's/^/# /' "$scratch/lines"
		report 'not ok' "$description"
	else
		report ok "$description"
	fi
}

# The finder $1 must see the file $2 with the text $3, if $4 is "seen".
plant() # FINDER FILE TEXT SEEN
{
	rm -rf "$scratch/tree"
	mkdir -p "$scratch/tree/$(dirname "$2")"
	printf '%b' "$3" >"$scratch/tree/$2"
	if [ -n "$("$1" "$scratch/tree")" ]; then
		seen=seen
	else
		seen=unseen
	fi
	if [ "$seen" = "$4" ]; then
		report ok "$1 on a planted $2: $seen"
	else
		report 'not ok' "$1 on a planted $2: $seen, not $4: $3"
	fi
}

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM

expect_nothing 'no banned function' find_banned "$top_srcdir"
expect_nothing 'no blanks at the end of a line' \
	find_trailing_blanks "$top_srcdir"
expect_nothing 'no room called util, common or helpers' \
	find_nameless_rooms "$top_srcdir"
expect_nothing 'every file of C opens with its essay' \
	find_missing_essays "$top_srcdir"

# A question, not a verdict: is there a second noun in it?
c_files "$top_srcdir" | grep -v '^tests/' | while read -r file; do
	n_lines=$(wc -l <"$top_srcdir/$file")
	[ "$n_lines" -le 800 ] ||
		echo "# warning: $file has $n_lines lines, more than 800"
done

# The versions differ in taste; 14 is Debian 12's, and decides.
if ! command -v clang-format >/dev/null; then
	report ok 'the format # SKIP clang-format is not installed'
elif ! clang-format --version | grep -q 'version 14\.'; then
	report ok 'the format # SKIP clang-format is not version 14'
else
	expect_nothing 'the format is that of .clang-format' \
		find_unformatted "$top_srcdir"
fi

plant find_banned src/x.c 'int x = atoi(y);\n' seen
plant find_banned src/x.c 'n = (int)strtok (a, b);\n' seen
plant find_banned src/x.c 'x = "a\\"b"; strcpy(a, b);\n' seen
plant find_banned src/x.c '/* one\ntwo */ gets(x);\n' seen
plant find_banned src/x.c 'snprintf(a, b); my_system(c); strtok_r(d);\n' unseen
plant find_banned src/x.c '/* the file system (a\nrand() */\n' unseen
plant find_banned src/x.c 'puts("system(x)"); // gets(x)\n' unseen
plant find_trailing_blanks src/x.c 'int x; \n' seen
plant find_trailing_blanks etc/x.conf 'x\t\n' seen
plant find_trailing_blanks src/x.c 'int x;\n' unseen
plant find_nameless_rooms src/base/util.c '/* x */\n' seen
plant find_nameless_rooms src/queue/job_helpers.h '/* x */\n' seen
plant find_nameless_rooms src/common/x.c '/* x */\n' seen
plant find_nameless_rooms src/base/buf.c '/* x */\n' unseen
plant find_missing_essays src/x.c '#include <stdio.h>\n' seen

echo "1..$n_cases"
[ "$n_failed" -eq 0 ]
