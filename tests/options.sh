#!/bin/sh
# An option exists when the table, the manual page and the sample file agree:
# every option of the table is in both, with the same default, and neither has
# one that the table lacks. The sample is also loaded, as it is shipped and with
# everything in it that is commented out.
top_srcdir=${top_srcdir:-$(dirname "$0")/..}
top_builddir=${top_builddir:-.}
options=$top_builddir/tests/lib/conf_options
sample=$top_srcdir/etc/hooksync.conf
manual=$top_srcdir/doc/hooksync.conf.5

LC_ALL=C
export LC_ALL
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM

n_cases=0
n_failed=0
report() # OK-or-not DESCRIPTION
{
	n_cases=$((n_cases + 1))
	[ "$1" = ok ] || n_failed=$((n_failed + 1))
	echo "$1 $n_cases - $2"
}

same() # FILE FILE DESCRIPTION
{
	if diff "$1" "$2" >"$scratch/diff"; then
		report ok "$3"
	else
		sed 's/^/# /' "$scratch/diff"
		report 'not ok' "$3"
	fi
}

loads() # PATH OUTPUT DESCRIPTION
{
	if "$options" file "$1" >"$2" 2>"$scratch/said"; then
		report ok "$3"
	else
		sed 's/^/# /' "$scratch/said"
		report 'not ok' "$3"
	fi
}

# The environment of whoever runs this has no say.
for variable in $("$options" table | cut -f4 | grep -v '^-$'); do
	unset "$variable"
done
unset CREDENTIALS_DIRECTORY

tab=$(printf '\t')
"$options" table >"$scratch/table" || exit 1
cut -f1 "$scratch/table" | sort >"$scratch/names"
if [ "$(wc -l <"$scratch/names")" -gt 50 ]; then
	report ok 'there is a table'
else
	report 'not ok' 'there is a table'
fi

# --- the sample as it is shipped

mkdir "$scratch/shipped" "$scratch/whole" "$scratch/whole/maps"
cp "$sample" "$scratch/shipped/hooksync.conf"
loads "$scratch/shipped/hooksync.conf" "$scratch/shipped.values" \
	'the sample loads as it is, without a word'
grep -E '^(services|endpoints|routes)\.' "$scratch/shipped.values" \
	>"$scratch/members"
same /dev/null "$scratch/members" 'the sample as it is names no endpoint'

# --- and with all that is commented out: "#" and no space is an option

sed 's/^#\([^ #]\)/\1/' "$sample" >"$scratch/whole/hooksync.conf"
echo '.data.rawPayload' >"$scratch/whole/maps/invoice.jq"
HOOKSYNC_SECRET_REDIS_PASSWORD=x
HOOKSYNC_SECRET_CRM_TOKEN=x
HOOKSYNC_SECRET_ERP_LOGIN=x:y
HOOKSYNC_SECRET_CRM_WEBHOOK=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw
HOOKSYNC_SECRET_INVOICE_TOKEN=x
export HOOKSYNC_SECRET_REDIS_PASSWORD HOOKSYNC_SECRET_CRM_TOKEN \
	HOOKSYNC_SECRET_ERP_LOGIN HOOKSYNC_SECRET_CRM_WEBHOOK \
	HOOKSYNC_SECRET_INVOICE_TOKEN
loads "$scratch/whole/hooksync.conf" "$scratch/values" \
	'the sample loads with its options and examples'
cut -f1 "$scratch/values" | sort -u >"$scratch/in_sample"
same "$scratch/names" "$scratch/in_sample" \
	'the sample has every option of the table'

# What is shown is the default, except what must be said (a url).
awk -F'\t' '
	NR == FNR {
		if ($2 != "-")
			fallback[$1] = $2
		next
	}
	$1 in fallback && $1 !~ /\*/ {
		value = $2
		gsub(/^"|"$/, "", value)
		if (value != fallback[$1])
			print $1 ": " value ", but the default is " fallback[$1]
	}' "$scratch/table" "$scratch/values" >"$scratch/other"
same /dev/null "$scratch/other" 'the sample shows the defaults'

# --- the manual page: ".It Cm queue.attempts No = Li 3 Pq restart"

sed -n 's/^\.It Cm \([a-z]*\.[a-z_.*]*\).*/\1/p' "$manual" | sort \
	>"$scratch/in_manual"
same "$scratch/names" "$scratch/in_manual" \
	'the manual page has every option of the table'

awk -F'\t' '{
	line = $1
	if ($2 != "-")
		line = line " = " $2
	if ($3 == "restart")
		line = line " restart"
	print line
}' "$scratch/table" | sort >"$scratch/facts"
sed -n 's/^\.It Cm \([a-z]*\.[a-z_.*]*\)/\1/p' "$manual" |
	sed 's/ No = Li / = /; s/ Pq restart$/ restart/' | sort \
	>"$scratch/told"
same "$scratch/facts" "$scratch/told" \
	'the manual page tells defaults and what needs a restart'

# Variables that are named, those that follow the rule aside.
grep -v "${tab}HOOKSYNC_" "$scratch/table" | cut -f4 | grep -v '^-$' |
	sort >"$scratch/variables"
sed -n 's/^\.It Ev \(REDIS_[A-Z]*\).*/\1/p' "$manual" | sort \
	>"$scratch/told"
same "$scratch/variables" "$scratch/told" \
	'the manual page names the variables'

if command -v mandoc >/dev/null; then
	mandoc -Tlint -Wwarning "$manual" >"$scratch/lint"
	same /dev/null "$scratch/lint" 'the manual page is well-formed'
else
	report ok 'the manual page is well-formed # SKIP no mandoc'
fi

echo "1..$n_cases"
[ "$n_failed" -eq 0 ]
