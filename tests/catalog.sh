#!/bin/sh
# The journal's catalog and the program agree: every kind of line has an id and a
# text, every text belongs to a kind, and names only fields and verbs there are.
# The alarm is tried on breaches planted in copies, too.
# shellcheck shell=sh

set -u
top_srcdir=${top_srcdir:-$(cd "$(dirname "$0")/.." && pwd)}
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
n=0
failed=0

report() # OK-or-not DESCRIPTION
{
	n=$((n + 1))
	[ "$1" = ok ] || failed=1
	echo "$1 $n - $2"
}

# What is wrong with the three files, one finding a line.
findings() # CATALOG MESSAGE.C JOURNAL.C
{
	awk -v program="$2" -v journal="$3" -v verbs="$top_srcdir/src/ctl/verbs.c" '
	function finding(text) { print "line " FNR ": " text }
	function end_of_text() {
		if (id == "")
			return
		if (!has_subject)
			print id " has no Subject"
		if (!has_definer)
			print id " is not Defined-By: hooksync"
		if (!has_documentation)
			print id " names no manual page"
		if (n_lines < 1)
			print id " says nothing"
	}
	BEGIN {
		while ((getline text <program) > 0)
			if (match(text, /"[^"]*",$/))
				n_ids[substr(text, RSTART + 1, RLENGTH - 3)]++
		while ((getline text <journal) > 0)
			if (match(text, /"HOOKSYNC_[A-Z_]*"/))
				fields[substr(text, RSTART + 1, RLENGTH - 2)] = 1
		while ((getline text <verbs) > 0)
			if (match(text, /^\t\{ "[a-z]*"/))
				is_verb[substr(text, RSTART + 4, RLENGTH - 5)] = 1
		for (i in n_ids) {
			n_all++
			if (length(i) != 32 || i ~ /[^0-9a-f]/)
				print i " is no id"
			if (n_ids[i] > 1)
				print i " stands twice in the program"
		}
		if (n_all < 20)
			print "the program has too few ids: " n_all + 0
	}
	/[^ -~]/ { finding("not plain ASCII") }
	length($0) > 80 && !/^Subject:/ { finding("longer than 80 columns") }
	/^#/ && id == "" { next }
	/^-- / {
		end_of_text()
		id = $2
		has_subject = has_definer = has_documentation = n_lines = 0
		if (NF != 2)
			finding("wants -- ID")
		if (!(id in n_ids))
			finding("no such id in the program: " id)
		if (seen[id]++)
			finding("a second text for " id)
		next
	}
	/^Subject: ./ { has_subject = 1 }
	/^Defined-By: hooksync$/ { has_definer = 1 }
	/^Documentation: man:hooksync[a-z.-]*\([158]\)$/ { has_documentation = 1 }
	/^$/ { next }
	!/^[A-Z][A-Za-z-]*: / { n_lines++ }
	{
		text = $0
		while (match(text, /@[A-Za-z_]*@?/)) {
			name = substr(text, RSTART + 1, RLENGTH - 2)
			if (!(name in fields))
				finding("no such field: " name)
			text = substr(text, RSTART + RLENGTH)
		}
		if (/^    hooksync / && !($2 in is_verb))
			finding("no such verb: " $2)
		# an id in a text is that of another kind
		text = $0
		while (match(text, /MESSAGE_ID=[0-9a-f]*/)) {
			name = substr(text, RSTART + 11, RLENGTH - 11)
			if (!(name in n_ids))
				finding("no such id: " name)
			text = substr(text, RSTART + RLENGTH)
		}
	}
	END {
		end_of_text()
		for (i in n_ids)
			if (!(i in seen))
				print i " has no text"
	}' "$1"
}

catalog=$top_srcdir/etc/systemd/hooksync.catalog
program=$top_srcdir/src/base/message.c
journal=$top_srcdir/src/base/journal.c

findings "$catalog" "$program" "$journal" >"$folder/said"
sed 's/^/# /' "$folder/said"
if [ -s "$folder/said" ]; then
	report 'not ok' 'catalog and program agree'
else
	report ok 'catalog and program agree'
fi

# Each kind's id is used once in the enum, too.
sed -n 's/^	\(MESSAGE_[A-Z_]*\),.*/\1/p' "$top_srcdir/src/base/message.h" |
	grep -v '^MESSAGE_NONE$' | sort >"$folder/kinds"
sed -n 's/^	\[\(MESSAGE_[A-Z_]*\)\] = .*/\1/p' "$program" | sort >"$folder/ids"
if diff "$folder/kinds" "$folder/ids" >"$folder/said" &&
	[ -s "$folder/kinds" ]; then
	report ok 'every kind has an id'
else
	sed 's/^/# /' "$folder/said"
	report 'not ok' 'every kind has an id'
fi

# journalctl makes a database of it, in a folder of our own.
if command -v journalctl >/dev/null; then
	mkdir -p "$folder/root/usr/lib/systemd/catalog"
	cp "$catalog" "$folder/root/usr/lib/systemd/catalog"
	journalctl --root="$folder/root" --update-catalog >"$folder/said" 2>&1
	n_listed=$(journalctl --root="$folder/root" --list-catalog 2>/dev/null |
		grep -c ' hooksync: ')
	if [ "$n_listed" -eq "$(grep -c '^MESSAGE' "$folder/ids")" ] &&
		[ ! -s "$folder/said" ]; then
		report ok "journalctl reads all of it: $n_listed"
	else
		sed 's/^/# /' "$folder/said"
		report 'not ok' "journalctl reads all of it: $n_listed"
	fi
else
	report ok 'journalctl reads all of it # SKIP no journalctl'
fi

# Each call that names a kind has the pairs whose fields the kind's text names; a
# text would else show the bare name of a field.
lacking() # CATALOG FILE.C...
{
	lacking_catalog=$1
	shift
	awk -v catalog="$lacking_catalog" -v program="$program" \
		-v journal="$journal" '
	BEGIN {
		while ((getline text <program) > 0)
			if (split(text, word, /[][" =,]+/) > 2)
				id_of[word[2]] = word[3]
		while ((getline text <journal) > 0)
			if (text ~ /\{ "[a-z_]*", "HOOKSYNC_/) {
				split(text, word, "\"")
				field_of[word[2]] = word[4]
			}
		while ((getline text <catalog) > 0) {
			if (text ~ /^-- /)
				id = substr(text, 4)
			while (match(text, /@[A-Z_]*@/)) {
				wanted[id] = wanted[id] " " \
					substr(text, RSTART + 1, RLENGTH - 2)
				text = substr(text, RSTART + RLENGTH)
			}
		}
	}
	FNR == 1 { call = "" }
	/log_event\(/ { call = " " }
	call != "" { call = call $0 }
	call != "" && /\);$/ { judge(call); call = "" }
	function judge(call,   format, kinds, n, i, j, k, word, names, has) {
		while (match(call, /"([^"\\]|\\.)*"|MESSAGE_[A-Z_]+/)) {
			text = substr(call, RSTART, RLENGTH)
			call = substr(call, RSTART + RLENGTH)
			if (text ~ /^"/)
				format = format substr(text, 2, length(text) - 2)
			else
				kinds = kinds " " text
		}
		n_calls++
		n = split(format, word, " ")
		for (i = 1; i <= n; i++)
			if (match(word[i], /^[a-z_]+=/))
				has[field_of[substr(word[i], 1, RLENGTH - 1)]] = 1
		n = split(kinds, word, " ")
		for (i = 1; i <= n; i++) {
			k = split(wanted[id_of[word[i]]], names, " ")
			for (j = 1; j <= k; j++)
				if (!(names[j] in has))
					print FILENAME ": " word[i] \
						" without " names[j]
		}
	}
	END {
		if (n_calls == 0)
			print "no call was found"
	}' "$@"
}

calls_lacking() # CATALOG
{
	# shellcheck disable=SC2046
	lacking "$1" $(find "$top_srcdir/src" "$top_srcdir/fcgi" \
		"$top_srcdir/worker" -name '*.c' ! -name log.c)
}

calls_lacking "$catalog" >"$folder/said"
sed 's/^/# /' "$folder/said"
if [ -s "$folder/said" ]; then
	report 'not ok' 'every line has the fields that its text names'
else
	report ok 'every line has the fields that its text names'
fi
sed 's/@HOOKSYNC_ADDRESS@/@HOOKSYNC_ROUTE@/' "$catalog" >"$folder/catalog"
calls_lacking "$folder/catalog" >"$folder/said"
if grep -q 'rconn.c: MESSAGE_REDIS_LOST without HOOKSYNC_ROUTE' "$folder/said"; then
	report ok 'else it is found'
else
	sed 's/^/# /' "$folder/said"
	report 'not ok' 'else it is found'
fi

# A change that must be found.
plant() # WHICH-FILE SED-SCRIPT EXPECTED
{
	cp "$catalog" "$folder/catalog"
	cp "$program" "$folder/program"
	cp "$journal" "$folder/journal"
	sed "$2" "$folder/$1" >"$folder/changed" && mv "$folder/changed" "$folder/$1"
	findings "$folder/catalog" "$folder/program" "$folder/journal" \
		>"$folder/said"
	if grep -Fq -e "$3" "$folder/said"; then
		report ok "found: $3"
	else
		sed 's/^/# /' "$folder/said"
		report 'not ok' "found: $3"
	fi
}

id=$(sed -n 's/^-- //p' "$catalog" | sed -n 3p)
plant catalog "/^-- $id/s/.\$/x/" "$id has no text"
plant catalog "s/^-- $id/-- 0123456789abcdef0123456789abcdef/" 'no such id in'
plant catalog "\$a-- $id" 'a second text for'
plant catalog "\$a-- $id" 'has no Subject'
plant catalog 's/@HOOKSYNC_JOB_ID@/@HOOKSYNC_JOB@/' 'no such field: HOOKSYNC_JOB'
plant catalog 's/hooksync check/hooksync chekc/' 'no such verb: chekc'
plant catalog '/^Documentation:/d' 'names no manual page'
plant program 's/\(= "\)./\1/' 'is no id'
plant journal '/"HOOKSYNC_REASON"/d' 'no such field: HOOKSYNC_REASON'

echo "1..$n"
[ "$failed" -eq 0 ]
