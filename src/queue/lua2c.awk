# lua2c: Lua files in, one C file with a table of scripts out.
#
#   awk -f lua2c.awk -v include=FOLDER add.lua take.lua ... > scripts.c
#
# A line `--- @include name.lua` is replaced by that file of the include folder,
# once per script; `--- @keys N` says how many KEYS the script is called with.
# Lua's own comments and empty lines are left out, so that the SHA of a script
# changes only with its code. POSIX awk.

function fail(message) {
	print "lua2c: " message > "/dev/stderr"
	is_broken = 1
	exit 1
}

# One line of Lua as one C string.
function emit(line) {
	gsub(/\\/, "\\\\", line)
	gsub(/"/, "\\\"", line)
	gsub(/\t/, "\\t", line)
	printf "\t\"%s\\n\"\n", line
}

function read(path,    line, name, status, n) {
	n = 0
	while ((status = (getline line < path)) > 0) {
		n++
		if (line ~ /^--- @include /) {
			name = line
			sub(/^--- @include +/, "", name)
			if (name in is_included)
				continue
			is_included[name] = 1
			read(include "/" name)
		} else if (line ~ /^--- @keys /) {
			sub(/^--- @keys +/, "", line)
			n_keys = line + 0
		} else if (line !~ /^[ \t]*(--.*)?$/) {
			emit(line)
		}
	}
	if (status < 0 || n == 0)
		fail("cannot read " path)
	close(path)
}

function script(path,    name, i) {
	name = path
	sub(/.*\//, "", name)
	sub(/\.lua$/, "", name)
	for (i in is_included)
		delete is_included[i]
	n_keys = -1
	printf "static const char text_%s[] =\n", name
	read(path)
	printf "\t\"\";\n"
	if (n_keys < 0)
		fail(path ": no line `--- @keys N`")
	printf "const struct script queue_script_%s = {\n", name
	printf "\t.name = \"%s\", .n_keys = %d, .text = text_%s,\n};\n\n", \
		name, n_keys, name
	table = table "\t&queue_script_" name ",\n"
}

BEGIN {
	print "/* Generated from src/queue/lua by lua2c.awk; not to be edited. */"
	print "#include \"queue/scripts.h\"\n"
	for (i = 1; i < ARGC; i++)
		script(ARGV[i])
	if (is_broken)
		exit 1
	print "const struct script *const queue_scripts[] = {"
	print table "\tNULL,\n};"
	exit 0
}
