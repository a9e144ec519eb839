#!/bin/sh
# Each program's connection loads a list of scripts (src/queue/queue.c). What the
# program can call is read from the sources: the functions of src/queue it names,
# those they name, and the scripts these name. The list must be that, no less: a
# call would end the program when it comes to it; and no more.

set -u
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
root=${top_srcdir:?}
n=0

# check WHAT: reports the last command
check() {
	status=$?
	n=$((n + 1))
	if [ "$status" -eq 0 ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		sed 's/^/# /' "$folder/said"
	fi
}

# differences LISTS LIST PROGRAM...: LIST of the file LISTS against what the files
# of the folders PROGRAM call. It relies on our style: a definition's name begins
# its line, and its last brace too.
differences() {
	from=$1
	list=$2
	shift 2
	for program; do
		ls "$root/$program"/*.c "$root/$program"/*.h
	done >"$folder/program"
	# the paths are the sources', without blanks; in awk a $ is a field
	# shellcheck disable=SC2046,SC2016
	"${AWK:-awk}" -v list="$list" '
	function code(line,   i) {
		gsub(/"([^"\\]|\\.)*"/, "\"\"", line)
		if (in_comment) {
			if (!(i = index(line, "*/")))
				return ""
			line = substr(line, i + 2)
			in_comment = 0
		}
		while (i = index(line, "/*")) {
			if (!match(substr(line, i), /\*\//)) {
				in_comment = 1
				return substr(line, 1, i - 1)
			}
			line = substr(line, 1, i - 1) " " \
				substr(line, i + RSTART + 1)
		}
		return line
	}
	# Notes each word of the line under the name of who says it.
	function note(who, line) {
		while (match(line, /[a-z_][a-z0-9_]*/)) {
			says[who] = says[who] " " substr(line, RSTART, RLENGTH)
			line = substr(line, RSTART + RLENGTH)
		}
	}
	function reach(who, from,   n, i, words, word) {
		if (who in reached)
			return
		reached[who] = 1
		n = split(says[who], words, " ")
		for (i = 1; i <= n; i++) {
			word = words[i]
			if (word ~ /^queue_script_/)
				called[substr(word, 14)] = 1
			else if ((from ":" word) in defined)
				reach(from ":" word, from)
			else if (word in file_of)
				reach(file_of[word] ":" word, file_of[word])
		}
	}
	FNR == 1 { in_comment = 0; who = "" }
	{ line = code($0) }
	FILENAME == ARGV[1] {
		if (line ~ "^const struct script \\*const " list "\\[")
			in_list = 1
		else if (line ~ /^}/)
			in_list = 0
		while (in_list && match(line, /queue_script_[a-z_0-9]*/)) {
			listed[substr(line, RSTART + 13, RLENGTH - 13)] = 1
			line = substr(line, RSTART + RLENGTH)
		}
		next
	}
	FILENAME !~ /\/src\/queue\// { note("program", line); next }
	who == "" && match(line, /^[a-z_][a-z0-9_]*\(/) {
		name = substr(line, 1, RLENGTH - 1)
		who = FILENAME ":" name
		defined[who] = 1
		if (before !~ /^static/)
			file_of[name] = FILENAME
	}
	{ before = line }
	who != "" { note(who, line) }
	/^}/ { who = "" }
	END {
		reach("program", "program")
		for (name in called)
			if (!(name in listed))
				print "missing in " list ": " name
		for (name in listed)
			if (!(name in called))
				print "never called by " list ": " name
	}' "$from" "$root"/src/queue/*.c $(cat "$folder/program") |
		sort >"$folder/said"
	[ ! -s "$folder/said" ]
}

lists=$root/src/queue/queue.c
differences "$lists" queue_add_scripts fcgi
check "the responder loads what it calls"
differences "$lists" queue_work_scripts worker
check "the worker loads what it calls"
differences "$lists" queue_command_scripts src/ctl
check "the command loads what it calls"

sed 's/&queue_script_finish,//' "$lists" >"$folder/lists.c"
! differences "$folder/lists.c" queue_work_scripts worker &&
	grep -qx 'missing in queue_work_scripts: finish' "$folder/said"
check "a script that is missing is found"
sed 's/&queue_script_take,/& \&queue_script_drain,/' "$lists" >"$folder/lists.c"
! differences "$folder/lists.c" queue_work_scripts worker &&
	grep -qx 'never called by queue_work_scripts: drain' "$folder/said"
check "a script that nobody calls is found"

for program in fcgi:queue_add_scripts worker:queue_work_scripts \
	src/ctl:queue_command_scripts; do
	grep -rhow --include='*.c' 'queue_[a-z]*_\{0,1\}scripts' \
		"$root/${program%%:*}" >"$folder/said"
	[ "$(sort -u "$folder/said")" = "${program##*:}" ]
	check "${program%%:*} takes the list of its own"
done

echo "1..$n"
