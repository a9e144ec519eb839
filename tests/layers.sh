#!/bin/sh
# The architecture's alarm: includes go down, never up and never sideways; a
# foreign library stays in its one file; an include names its floor. At the end
# the alarm itself is tried, on breaches planted in a copy.
top_srcdir=${top_srcdir:-$(dirname "$0")/..}

# What is wrong under the folder $1, as "KIND file:line: why".
breaches()
{
	(
		cd "$1" || exit 1
		find src fcgi worker -name '*.[ch]' -exec \
			grep -nE '^[[:space:]]*#[[:space:]]*include' \
			/dev/null {} +
		# Tests may reach every floor, but name it like everybody.
		[ ! -d tests ] || find tests -name '*.[ch]' -exec \
			grep -nE '^[[:space:]]*#[[:space:]]*include' \
			/dev/null {} +
	) | awk '
	BEGIN {
		# room: what it may include, beside itself
		below["base"] = ""
		below["conf"] = below["redis"] = below["http"] = "base"
		below["spool"] = "base"
		below["queue"] = "base redis"
		below["fcgi"] = below["worker"] = below["ctl"] = \
			"base conf redis http spool queue"

		# foreign headers: the one file that may know them
		home["json-c/"] = "src/base/doc.c"
		home["openssl/"] = "src/base/digest.c"
		home["systemd/"] = "src/base/notify.c"
		home["glib"] = home["gio/"] = "src/base/zone.c"
		home["libconfig.h"] = "src/conf/conf.c"
		home["hiredis/"] = "src/redis/resp.c"
		home["event2/buffer.h"] = "src/redis/wire.c"
		home["event2/bufferevent"] = "src/redis/wire.c"
		home["event2/dns.h"] = "src/redis/wire.c"
		home["curl/"] = "src/http/http.c"
		home["fcgi"] = "fcgi/cgi.c"
		home["jq.h"] = home["jv.h"] = "worker/map_jq.c"

		# the bare loop is free for those that have one
		n = split("redis http fcgi worker ctl", names, " ")
		for (i = 1; i <= n; i++)
			has_loop[names[i]] = 1
	}
	function breach(kind, why) {
		printf "%s %s:%s: %s\n", kind, file, line, why
	}
	function is_below(room, other,   i, n, names) {
		if (room == other)
			return 1
		n = split(below[room], names, " ")
		for (i = 1; i <= n; i++)
			if (names[i] == other)
				return 1
		return 0
	}
	{
		split($0, parts, ":")
		file = parts[1]
		line = parts[2]
		sub(/^\.\//, "", file)
		split(file, folders, "/")
		room = folders[1] == "src" ? folders[2] : folders[1]
		is_test = room == "tests"
		if (!is_test && !(room in below)) {
			breach("FLOOR", "there is no room " room)
			next
		}
		text = substr($0, length(parts[1]) + length(parts[2]) + 3)
		sub(/^[ \t]*#[ \t]*include[ \t]*/, "", text)
		mark = substr(text, 1, 1)
		header = substr(text, 2)
		if (mark == "<") {
			sub(/>.*/, "", header)
			angle(header)
		} else if (mark == "\"") {
			sub(/".*/, "", header)
			quoted(header)
		} else {
			breach("NAME", "an include through a macro")
		}
	}
	function angle(header,   name, is_known) {
		for (name in home) {
			if (index(header, name) != 1)
				continue
			is_known = 1
			if (file != home[name] && !is_test)
				breach("FENCE", "<" header "> belongs to " \
					home[name])
		}
		if (is_known || is_test)
			return
		if (header == "event.h" || header ~ /^event2\//) {
			if (header !~ /^event2\/(event|listener|util)\.h$/)
				breach("FENCE", "<" header "> has no home")
			else if (!(room in has_loop))
				breach("FENCE", room " has no loop")
			return
		}
		if (header ~ /\// && header !~ /^(sys|net|netinet|arpa)\//)
			breach("FENCE", "<" header "> has no home")
	}
	function quoted(header,   n, other, names) {
		if (header == "config.h")
			return
		n = split(header, names, "/")
		other = names[1]
		if (n < 2 || header ~ /(^|\/)\.\.?(\/|$)/ || \
		    (!(other in below) && !(is_test && other == "tests"))) {
			breach("NAME", "\"" header "\" names no floor")
			return
		}
		if (!is_test && !is_below(room, other))
			breach("FLOOR", room " must not know " header)
	}'
}

n_cases=0
n_failed=0
report() # OK-or-not DESCRIPTION
{
	n_cases=$((n_cases + 1))
	[ "$1" = ok ] || n_failed=$((n_failed + 1))
	echo "$1 $n_cases - $2"
}

# No breach of this kind in our tree.
expect_none() # KIND DESCRIPTION
{
	printf '%s\n' "$found" | grep "^$1 " | sed 's/^/# /' >"$scratch/lines"
	if [ -s "$scratch/lines" ]; then
		cat "$scratch/lines"
		report 'not ok' "$2"
	else
		report ok "$2"
	fi
}

# The line $3 in file $2 of an otherwise innocent tree must ring as $1; with
# $1 = none it must not.
plant() # KIND FILE LINE
{
	rm -rf "$scratch/tree"
	mkdir -p "$scratch/tree/src/base" "$scratch/tree/worker" \
		"$scratch/tree/fcgi" "$scratch/tree/$(dirname "$2")"
	echo '#include "base/err.h"' >"$scratch/tree/src/base/err.c"
	echo "$3" >"$scratch/tree/$2"
	rung=$(breaches "$scratch/tree" | cut -d' ' -f1)
	if [ "${rung:-none}" = "$1" ]; then
		report ok "$2: $3: $1"
	else
		echo "# rang: ${rung:-none}"
		report 'not ok' "$2: $3: $1"
	fi
}

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM

found=$(breaches "$top_srcdir")
n_includes=$(cd "$top_srcdir" && find src fcgi worker -name '*.[ch]' -exec \
	cat {} + | grep -c '^#include')
if [ "$n_includes" -gt 100 ]; then
	report ok "there is something to look at: $n_includes includes"
else
	report 'not ok' "there is something to look at: $n_includes includes"
fi
expect_none FLOOR 'no include goes up or sideways'
expect_none FENCE 'foreign libraries stay in their one file'
expect_none NAME 'every include names its floor'

plant none src/base/x.c '#include "base/buf.h"'
plant none src/queue/x.h '#include "redis/rconn.h"'
plant none worker/x.c '#include "queue/job.h"'
plant none src/redis/x.c '#include <event2/event.h>'
plant none src/base/x.c '#include <sys/stat.h>'
plant FLOOR src/base/x.c '#include "conf/conf.h"'
plant FLOOR src/base/x.h '#  include "queue/job.h"'
plant FLOOR src/redis/x.c '	#include "queue/job.h"'
plant FLOOR src/conf/x.c '#include "redis/rconn.h"'
plant FLOOR src/queue/x.c '#include "http/http.h"'
plant FLOOR src/queue/x.c '#include "conf/conf.h"'
plant FLOOR fcgi/x.c '#include "worker/attempt.h"'
plant FLOOR worker/x.c '#include "ctl/cmd.h"'
plant FLOOR src/ctl/x.c '#include "fcgi/intake.h"'
plant FLOOR src/util/x.c '#include "base/buf.h"'
plant FENCE worker/x.c '#include <json-c/json.h>'
plant FENCE src/base/x.c '#include <glib.h>'
plant FENCE fcgi/x.c '#include <curl/curl.h>'
plant FENCE fcgi/x.c '#include <fcgi_stdio.h>'
plant FENCE src/queue/x.c '#include <hiredis/hiredis.h>'
plant FENCE src/queue/x.c '#include <event2/event.h>'
plant FENCE src/redis/x.c '#include <event2/bufferevent_ssl.h>'
plant FENCE src/http/x.c '#include <event2/http.h>'
plant FENCE src/base/x.c '#include <uuid/uuid.h>'
plant NAME src/base/x.c '#include "buf.h"'
plant NAME fcgi/x.c '#include "../worker/attempt.h"'
plant NAME src/queue/x.c '#include "src/base/buf.h"'
plant NAME src/queue/x.c '#include "base/../queue/job.h"'
plant NAME src/queue/x.c '#include HEADER'
plant NAME tests/unit/x.c '#include "buf.h"'

echo "1..$n_cases"
[ "$n_failed" -eq 0 ]
