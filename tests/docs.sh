#!/bin/sh
# What the documents say is true as far as a machine can tell: the manual pages
# are well-formed, hooksync(1) knows every verb and option, and the README's
# configuration is one.
# shellcheck shell=sh

set -u
top_srcdir=${top_srcdir:-$(cd "$(dirname "$0")/.." && pwd)}
top_builddir=${top_builddir:-$PWD}
hooksync=$top_builddir/hooksync
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
n=0
failed=0

result() # STATUS DESCRIPTION
{
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $n - $2"
	else
		echo "not ok $n - $2"
		sed 's/^/# /' "$folder/said"
		failed=1
	fi
}

for page in "$top_srcdir"/doc/*.[1-9]; do
	name=$(basename "$page")
	if ! command -v mandoc >/dev/null; then
		n=$((n + 1))
		echo "ok $n - $name # SKIP mandoc is not installed"
		continue
	fi
	mandoc -Tlint -Wwarning "$page" >"$folder/said" 2>&1
	result $? "$name is well-formed"
done

# The words of a help text that are options or verbs must stand in the page.
sed 's/\\-/-/g; s/^\.Fl -/.Fl --/; s/Fl -\([a-z]\)/Fl --\1/g' \
	"$top_srcdir/doc/hooksync.1" >"$folder/page"
verbs=$("$hooksync" --help | sed -n 's/^  \([a-z]\{1,\}\) .*/\1/p')
: >"$folder/said"
for verb in $verbs; do
	grep -q "^\.It Cm $verb\$\|^\.It Cm $verb " "$folder/page" ||
		echo "hooksync(1) does not explain the verb $verb" >>"$folder/said"
	for option in $("$hooksync" "$verb" --help |
		sed -n 's/^ .* --\([a-z]*\) .*/\1/p'); do
		grep -q "Fl -*$option" "$folder/page" ||
			echo "hooksync(1) does not know --$option of $verb" \
				>>"$folder/said"
	done
done
[ -n "$verbs" ] && [ ! -s "$folder/said" ]
result $? 'hooksync(1) knows every verb and option'

# What stands between the Nth ```conf and ``` of a page.
block() # PAGE N
{
	# shellcheck disable=SC2016 # no expansions
	awk -v wanted="$2" '/^```conf$/ { n++; is_in = 1; next }
		/^```/ { is_in = 0 }
		is_in && n == wanted' "$top_srcdir/$1"
}

check_conf() # with secrets made up
{
	HOOKSYNC_SECRET_CRM_TOKEN=x \
		HOOKSYNC_SECRET_ERP_LOGIN=a:b \
		HOOKSYNC_SECRET_CRM_WEBHOOK=whsec_aG9va3N5bmMncyB0ZXN0cyBzaWduIHdpdGggdGhpcyE= \
		"$hooksync" -c "$folder/hooksync.conf" check >"$folder/said" 2>&1
}

block README.md 1 >"$folder/hooksync.conf"
check_conf
result $? "the README's configuration is good"
grep -q 'good: 2 endpoints, 2 routes, 2 services' "$folder/said"
result $? 'and what the README says of it, too'

# The move from BullMQ: the door; then what is merged over it, the work.
block doc/moving-from-bullmq.md 1 >"$folder/hooksync.conf"
check_conf
result $? 'the door is well configured'
grep -q 'good: 1 endpoint, 0 routes, 0 services, 1 warning' "$folder/said"
result $? 'and warned of, as the page says'
mkdir "$folder/conf.d"
block doc/moving-from-bullmq.md 2 >"$folder/conf.d/work.conf"
check_conf
result $? 'so is the work'
grep -q 'good: 1 endpoint, 1 route, 2 services$' "$folder/said"
result $? 'without a warning'

echo "1..$n"
exit $failed
