#!/bin/sh
# What the command shows while things happen: events, workers, a bar on a
# terminal; and that it can be left at any time.
# shellcheck source=tests/it/lib.sh
. "${top_srcdir:-$(dirname "$0")/../..}/tests/it/lib.sh"
# shellcheck source=tests/lib/stage_ctl.sh
. "$top_srcdir/tests/lib/stage_ctl.sh"
story redis-server

mock_url=http://127.0.0.1:1
stage_conf
stage_redis

event() # NAME VALUE ...
{
	rcli xadd bull:sync:events '*' "$@" >/dev/null
}

# In the background: what it says grows in $stage/watched.
watch() # ARGUMENT...
{
	: >"$stage/watched"
	"$top_builddir/hooksync" -c "$conf" events "$@" >"$stage/watched" \
		2>"$stage/moaned" </dev/null &
	watching=$!
	# a connection that waits, whichever it is
	wait_for 5 follows
}

follows()
{
	rcli client list | grep -q 'cmd=xread'
}

watched() # TEXT
{
	check "it shows: $1" wait_for 5 grep -Fq -e "$1" "$stage/watched"
}

# ---- events ----

ends_with 64 events --since now
moans '--since takes an age'
event event waiting jobId old
watch
event event added jobId j1 name crm
event event completed jobId j1 returnvalue '{"secret":1}' prev active
event event failed jobId j2 failedReason "$(printf '503 from\n\033[31merp')" \
	prev active
event event delayed jobId j3 delay 1700000000000
event event drained
watched 'added             j1  name=crm'
watched 'completed         j1  prev=active'
watched 'failed            j2  failedReason="503 from\n\x1b[31merp"  prev=active'
watched 'delayed           j3  due=2023-11-14T22:13:20.000Z'
watched 'drained'
is 'nothing old, each once' "$(wc -l <"$stage/watched")" 5
check 'no payload unasked' fails grep -q secret "$stage/watched"
kill -INT "$watching"
wait "$watching"
is 'Ctrl-C ends it well' "$?" 0
is 'without a complaint' "$(cat "$stage/moaned")" ''

ends_with 0 events --since 0 -n 3 --json
is 'lines of JSON' "$(wc -l <"$stage/said")" 3
sed -n 3p "$stage/said" >"$stage/third"
mv "$stage/third" "$stage/said"
is 'their members' "$(json_at /event) $(json_at /job_id) $(json_at /queue) \
$(json_at /fields/prev) $(json_at /fields/returnvalue || echo none)" \
	'completed j1 sync active none'
ends_with 0 events --since 0 -n 3 --json --data
sed -n 3p "$stage/said" >"$stage/third"
mv "$stage/third" "$stage/said"
is 'payloads when asked' "$(json_at /fields/returnvalue/secret)" 1
ends_with 0 events --since 1h -n 6
says 'waiting           old'
# shellcheck disable=SC2016 # another shell's
check 'a reader that has seen enough ends it' timeout 20 sh -c \
	'"$1" -c "$2" events --since 0 | head -n 1' - "$top_builddir/hooksync" \
	"$conf"
# shellcheck disable=SC2016 # another shell's
check 'also while nothing happens' timeout 20 sh -c \
	'"$1" -c "$2" events | true' - "$top_builddir/hooksync" "$conf"
rcli set bull:broken:events text >/dev/null
ends_with 69 events --queue broken
moans 'WRONGTYPE'

# over a loss
watch
event event added jobId before
watched before
stage_stop redis
check 'a loss is told' wait_for 5 grep -q 'is lost' "$stage/moaned"
stage_redis
check 'so is the return' wait_for 10 grep -q 'Redis is back' "$stage/moaned"
wait_for 5 follows
event event added jobId after
watched after
kill -TERM "$watching"
wait "$watching"
is 'TERM ends it, too' "$?" 0

# ---- workers ----

ends_with 1 workers
moans 'nobody works on queue sync'
ends_with 1 workers --json
is 'none, in JSON' "$(cat "$stage/said")" '[]'
stage_worker -o worker.name=of-the-tests
check 'our worker is one' wait_for 10 hooksync workers
rcli hset bull:sync:j1 name n data '{}' opts '{}' pb of-the-tests >/dev/null
rcli lpush bull:sync:active j1 >/dev/null
ends_with 0 workers --json
is 'with its name' "$(json_at /0/name) $(json_at /0/queue) \
$(json_at /1/name || echo end)" 'of-the-tests sync end'
is 'and what it has in hand' "$(json_at /0/n_active)" 1
ends_with 0 workers
says 'of-the-tests'
stage_stop worker

# ---- limits ----

ends_with 0 stats --json
is 'no limits' "$(json_at /0/concurrency) $(json_at /0/limit)" 'null null'
rcli hset bull:sync:meta concurrency 5 max 100 duration 60000 >/dev/null
ends_with 0 stats
says 'sync: at most 5 active; at most 100 in 1m'
ends_with 0 stats --json
is 'limits' "$(json_at /0/concurrency) $(json_at /0/limit/max) \
$(json_at /0/limit/duration_ms)" '5 100 60000'

is 'nobody counts' "$(json_at /0/per_minute)" null
minute_ms=$(($(now_ms) / 60000 * 60000))
rcli hset bull:sync:metrics:completed count 100 prevTS $((minute_ms - 120000)) \
	prevCount 70 >/dev/null
rcli rpush bull:sync:metrics:completed:data 60 10 >/dev/null
ends_with 0 stats
says 'sync: 6.7 completed and 0.0 failed a minute, in the last 15 minutes'
ends_with 0 stats --json
check 'by minute' test "$(json_at /0/per_minute/completed/2) \
$(json_at /0/per_minute/completed/3)" = '30 60' -o \
	"$(json_at /0/per_minute/completed/3)" = 30 # a minute later

# ---- a terminal ----

if ! command -v script >/dev/null; then
	the_end
fi
rcli flushall >/dev/null
rcli eval 'for i = 1, 30000 do
	redis.call("HSET", "bull:sync:f-" .. i, "name", "n", "data",
		"{\"a\":\"" .. string.rep("x", 100) .. "\"}", "opts", "{}",
		"timestamp", i, "delay", 0, "priority", 0, "finishedOn", i,
		"failedReason", "r")
	redis.call("ZADD", "bull:sync:failed", i, "f-" .. i)
end' 0 >/dev/null
# script gives it a terminal and keeps what it got; its pid is in $stage/pid
in_terminal() # ARGUMENT...
{
	rm -f "$stage/pid"
	TERM=xterm SHELL=/bin/sh script --quiet --flush --return --command \
		"stty cols 90; echo \$\$ >'$stage/pid'
		 exec '$top_builddir/hooksync' -c '$conf' $*" \
		"$stage/typescript" </dev/null >/dev/null 2>&1
}
in_terminal remove --error r
is 'it says what it would do there, too' "$?" 2
check 'of a terminal' grep -q 'would remove 30,000 failed jobs of queue sync' \
	"$stage/typescript"

# A long work: a bar while it lasts; interrupted, it tells what is done.
has_begun()
{
	[ "$(n_jobs failed)" -lt 30000 ]
}
is_long_enough()
{
	[ $(($(now_ms) - began_ms)) -gt 700 ]
}
in_terminal remove --error r --yes &
terminal=$!
check 'it has begun' wait_for 10 has_begun
began_ms=$(now_ms)
kill -STOP "$pid_redis"
wait_for 10 is_long_enough
kill -CONT "$pid_redis"
check 'a bar says how far it is' wait_for 10 grep -q \
	'removing  \[.*%  .* of 30,000' "$stage/typescript"
kill -INT "$(cat "$stage/pid")"
wait $terminal
is 'interrupted' "$?" 130
n_left=$(n_jobs failed)
check 'not all is done' test "$n_left" -gt 0
# a carriage return, and the line erased
check 'the bar is gone, what was done is told' grep -q \
	"$(printf '\r\033')\\[Ksync: .* jobs are removed; then interrupted" \
	"$stage/typescript"
is 'rightly' "$(sed -n 's/.*sync: \([0-9,]*\) jobs are.*/\1/p' \
	"$stage/typescript" | tr -d ,)" "$((30000 - n_left))"
code_of remove --error r >/dev/null
check 'no bar where there is no terminal' fails grep -q counting \
	"$stage/said" "$stage/moaned"
the_end
