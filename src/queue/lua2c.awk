# lua2c: Lua files in, one C file with a table of scripts out.
#
#   awk -f lua2c.awk -v folder=FOLDER add.lua take.lua ... > scripts.c
#
# A line `--- @include name.lua` is replaced by that file of FOLDER,
# once per script; `--- @keys N` says how many KEYS the script is called with.
# Lua's own comments and empty lines are left out, so that the SHA of a script
# changes only with its code. POSIX awk.

function fail(message) {
	print "lua2c: " message > "/dev/stderr"
	is_broken = 1
	exit 1
}

# One line of Lua as one C string. Byte by byte: awks differ in what a backslash
# means to gsub().
function emit(line,    i, byte, text) {
	text = ""
	for (i = 1; i <= length(line); i++) {
		byte = substr(line, i, 1)
		if (byte == "\\" || byte == "\"")
			text = text "\\" byte
		else if (byte == "\t")
			text = text "\\t"
		else
			text = text byte
	}
	printf "\t\"%s\\n\"\n", text
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
			read(folder "/" name)
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
