#!/bin/sh
# Jobs by the hundred, through the command's filters: found, run again, taken
# away; counted before and after; and what is refused.
# shellcheck source=tests/it/lib.sh
. "${top_srcdir:-$(dirname "$0")/../..}/tests/it/lib.sh"
# shellcheck source=tests/lib/stage_ctl.sh
. "$top_srcdir/tests/lib/stage_ctl.sh"
story redis-server

mock_url=http://127.0.0.1:1
stage_conf
now=$(now_ms)

# ---- the line itself ----

ends_with 64 jobs
moans 'say which jobs: a state'
ends_with 64 jobs failed,sleeping
moans '"sleeping" is no state of a job'
ends_with 64 jobs failed --older 5
moans '--older takes an age'
ends_with 64 jobs failed --older 3d --newer 2h
moans 'no job is both older than 3d and newer than 2h'
ends_with 64 jobs --entity identity=
moans '--entity takes an id, or FIELD=ID'
ends_with 64 retry --name
moans '--name needs a value'
ends_with 64 retry --failed --completed --all
moans 'say which of them'
ends_with 64 retry crm-1 --name 'x*'
moans 'not both'
ends_with 64 remove
moans 'say which jobs: ids, or a filter such as --name'
ends_with 64 remove --all
moans 'remove does not take --all'
ends_with 64 clean
moans 'clean takes: STATE'
ends_with 64 clean waiting-children
moans 'clean takes one state'
ends_with 64 obliterate
moans "obliterate wants the queue's name"
ends_with 64 delay crm-1 soon
moans '"soon" is no time'
ends_with 64 priority crm-1 2097152
moans 'is no priority'
ends_with 64 dran
moans 'unknown verb dran; "drain" is one'

# ---- Redis away ----

for verb in 'logs x' workers 'retry --name x' 'promote --all' 'delay x 5s' \
	'priority x 1' pause resume 'remove x' 'remove --name x' 'clean failed' \
	drain 'obliterate --queue sync --yes' 'events'; do
	# shellcheck disable=SC2086 # words
	ends_with 69 $verb
done

stage_redis

# ---- an empty queue ----

for verb in 'logs x' workers 'retry --name x' 'promote --all' 'promote x' \
	'delay x 5s' 'priority x 1' 'remove x' 'remove --name x' \
	'remove --name x --yes' 'clean failed' 'clean failed --yes' drain \
	'drain --yes' 'jobs --entity 42'; do
	# shellcheck disable=SC2086 # words
	ends_with 1 $verb
done
ends_with 1 jobs failed --name x
moans 'there is no such job in failed'

# ---- filters ----

# identities 1..10 and invoices 1..10 failed; of odd numbers by a timeout, and
# each a minute older than the one before
rcli eval '
	local now = tonumber(ARGV[1])
	for i = 1, 10 do
		for _, kind in ipairs({ "identity", "invoice" }) do
			local id = kind .. "-" .. i
			local at = now - i * 60000
			redis.call("HSET", "bull:sync:" .. id,
				"name", "crm-" .. kind .. "-webhook",
				"data", "{\"" .. kind .. "Id\":\"" .. i ..
					"\",\"n\":" .. (100 + i) ..
					",\"rawPayload\":{\"x\":\"7\"}}",
				"opts", "{\"attempts\":3}", "timestamp", at,
				"delay", 0, "priority", 0, "atm", 3, "ats", 3,
				"finishedOn", at, "failedReason",
				i % 2 == 1 and "push to erp: Timeout after 5s"
					or "push to erp: 422")
			redis.call("ZADD", "bull:sync:failed", at, id)
		end
	end' 0 "$now" >/dev/null

found() # ARGUMENT...; the ids, newest first
{
	hooksync jobs --all --json "$@" 2>/dev/null >"$stage/said"
	found_i=0
	found_ids=''
	while found_id=$(json_at "/$found_i/id"); do
		found_ids="$found_ids $found_id"
		found_i=$((found_i + 1))
	done
	echo "${found_ids# }"
}

is 'by name' "$(found failed --name '*-invoice-*' -n 3)" \
	'invoice-1 invoice-2 invoice-3'
is 'by object' "$(found failed --entity 3)" 'invoice-3 identity-3'
is 'by object, in any state' "$(found --entity 3)" 'invoice-3 identity-3'
is 'by object of a kind' "$(found --entity identity=3)" identity-3
is 'by the name of a field' "$(found --entity identityId=3)" identity-3
is 'by a number' "$(found --entity n=104)" 'invoice-4 identity-4'
is 'not by what is inside the body' "$(found --entity x=7)" ''
is 'nor by any of that' "$(found --entity 7)" 'invoice-7 identity-7'
is 'by reason, in any case' "$(found failed --error timeout -n 4)" \
	'invoice-1 identity-1 invoice-3 identity-3'
is 'by age' "$(found failed --older 9m --name '*-identity-*')" \
	'identity-9 identity-10'
is 'by youth' "$(found failed --newer 3m --name '*-identity-*')" \
	'identity-1 identity-2'
is 'by both' "$(found failed --older 4m --newer 6m --error 422)" \
	'invoice-4 identity-4'
is 'by nothing that is there' "$(found failed --error nothing)" ''
is 'in other states' "$(found wait,completed --entity 3)" ''
is 'in this one among others' "$(found completed failed --entity identity=3)" \
	identity-3
ends_with 0 jobs --entity 3
says 'STATE   ID'
says 'failed  identity-3'
ends_with 0 jobs failed --entity 3 --data
says '"identityId":"3"'
ends_with 0 jobs failed --json -n 1
is 'no data unasked' "$(json_at /0/data || echo none)" none
ends_with 0 jobs failed --json -n 1 --data
is 'data when asked' "$(json_at /0/data/n)" 101
is 'as many as asked' "$(hooksync jobs failed | wc -l)" 21
is 'all' "$(hooksync jobs failed --limit 1000 | wc -l)" 21

# ---- retry ----

ends_with 0 retry --error timeout --name '*identity*'
is 'only what matches' "$(cat "$stage/said")" 'sync: 5 failed jobs wait again'
is 'those wait, the oldest next in turn' \
	"$(rcli lrange bull:sync:wait 0 -1 | tr '\n' ' ')" \
	'identity-1 identity-3 identity-5 identity-7 identity-9 '
is 'attempts are counted anew' "$(job_field identity-1 atm)" ''
is 'others stay' "$(states_of identity-2) $(states_of invoice-1)" \
	'failed  failed '
ends_with 1 retry --error timeout --name '*identity*'
ends_with 0 retry --error timeout -n 2 --json
is 'no more than so many' "$(json_at /0/n_retried) $(json_at /0/n_gone) \
$(n_jobs failed)" '2 0 13'
ends_with 1 retry --completed --all
rcli zadd bull:sync:completed "$now" identity-2 >/dev/null
rcli zrem bull:sync:failed identity-2 >/dev/null
ends_with 1 retry identity-2
moans 'identity-2: is not in failed'
ends_with 0 retry --completed identity-2
says 'identity-2: waits again in sync'
rcli del bull:sync:wait >/dev/null
rcli zadd bull:sync:completed "$now" identity-2 >/dev/null
ends_with 0 retry --completed --all
is 'completed ones run once more' "$(cat "$stage/said")" \
	'sync: 1 completed job waits again'

# ---- remove ----

rcli del bull:sync:wait >/dev/null
ends_with 2 remove --name '*identity*'
is 'first it is said' "$(sed 's/ (.*//; s/from .*/from/' "$stage/said")" \
	'would remove 4 failed jobs of queue sync, the oldest from'
moans 'nothing was removed; with --yes it would be'
is 'and nothing done' "$(n_jobs failed)" 12
ends_with 2 remove --state failed --json
is 'said in JSON' "$(json_at /0/n_matched) $(json_at /0/is_removed) \
$(json_at /0/oldest_at_ms) $(json_at /0/counts/failed)" \
	"12 false $((now - 600000)) 12"
ends_with 0 remove --name '*identity*' --yes
is 'then it is done' "$(cat "$stage/said") $(n_jobs failed)" \
	'sync: 4 jobs are removed 8'
is 'with the hash' "$(rcli exists bull:sync:identity-10)" 0
ends_with 0 remove invoice-2 invoice-4
says 'invoice-2: removed from sync; it was failed'
is 'two less' "$(n_jobs failed)" 6
ends_with 1 remove nobody
is 'in plain words' "$(cat "$stage/moaned")" \
	'hooksync: nobody: there is no such job'
ends_with 1 remove nobody invoice-6 --json
is 'of each it is told' "$(json_at /0/is_removed) $(json_at /0/reason) \
$(json_at /1/is_removed) $(json_at /1/queue)" 'false no such job true sync'
rcli lpush bull:sync:active locked >/dev/null
rcli hset bull:sync:locked name n data '{}' opts '{}' timestamp "$now" \
	delay 0 priority 0 >/dev/null
rcli set bull:sync:locked:lock token px 100000 >/dev/null
ends_with 1 remove locked
moans "locked: is in a worker's hands (in queue sync)"
ends_with 1 remove --state active --yes
says "sync: 0 jobs are removed; in a worker's hands: 1"
is 'it is there still' "$(states_of locked)" 'active '
rcli del bull:sync:locked:lock bull:sync:active bull:sync:locked >/dev/null

# ---- several queues ----

cat >"$stage/conf.d/third.conf" <<-END
	endpoints = { other = { path = "/o"; job = "nobody"; queue = "third";
	  data = { a = "/a"; }; verify = { scheme = "none"; }; }; };
	worker = { queues = [ "sync" ]; };
END
rcli hset bull:third:invoice-8 name nobody data '{}' opts '{}' timestamp 5000 \
	delay 0 priority 0 finishedOn 5000 failedReason r >/dev/null
rcli zadd bull:third:failed 5000 invoice-8 >/dev/null
for verb in 'remove --state failed' 'clean failed' 'drain'; do
	# shellcheck disable=SC2086 # words
	ends_with 64 $verb --yes
	moans 'there are several queues (sync, third): say which with --queue'
done
ends_with 1 remove invoice-8
moans 'invoice-8: is in the queues sync and third: say which with --queue'
is 'it is there still' "$(states_of invoice-8)" 'failed '
for verb in 'retry' 'promote' 'delay 1h' 'priority 3'; do
	# shellcheck disable=SC2086 # words
	ends_with 1 ${verb%% *} invoice-8 ${verb#"${verb%% *}"}
	moans 'invoice-8: is in the queues sync and third: say which'
done
ends_with 1 retry invoice-8 --json
is 'left alone' "$(json_at /0/reason) $(states_of invoice-8)" \
	'in several queues failed '
for of in sync third; do
	rcli zadd "bull:$of:repeat" 5000 twin >/dev/null
	rcli hset "bull:$of:repeat:twin" name n every 1000 ic 1 >/dev/null
done
ends_with 1 unschedule twin
moans 'twin: is in the queues sync and third: say which'
ends_with 0 unschedule twin --queue third
says 'twin: makes no more jobs in third'
ends_with 0 unschedule twin
says 'twin: makes no more jobs in sync'
ends_with 1 unschedule twin
moans 'twin: there is no such scheduler'
ends_with 0 remove invoice-8 --queue third
says 'invoice-8: removed from third'
ends_with 0 remove invoice-8
says 'invoice-8: removed from sync'
ends_with 0 pause
check "a pause is for the worker's queues" fails grep -q third "$stage/said"
ends_with 0 resume
rm "$stage/conf.d/third.conf"

# ---- clean ----

rcli del bull:sync:failed >/dev/null
fill() # STATE N; jobs that are 1, 2 ... minutes old
{
	rcli eval '
		local now, state = tonumber(ARGV[1]), ARGV[2]
		for i = 1, tonumber(ARGV[3]) do
			local id = state .. "-" .. i
			local at = now - i * 60000
			redis.call("HSET", "bull:sync:" .. id, "name",
				i % 10 == 0 and "tenth" or "n", "data", "{}",
				"opts", "{}", "timestamp", at, "delay", 0,
				"priority", 0)
			if state == "failed" or state == "completed" then
				redis.call("HSET", "bull:sync:" .. id,
					"finishedOn", at)
				redis.call("ZADD", "bull:sync:" .. state, at, id)
			elseif state == "delayed" then
				redis.call("ZADD", "bull:sync:delayed",
					(now + 3600000 + i) * 4096, id)
			elseif state == "prioritized" then
				redis.call("HSET", "bull:sync:" .. id,
					"priority", 5)
				redis.call("ZADD", "bull:sync:prioritized",
					5 * 4294967296 + i, id)
			else
				redis.call("LPUSH", "bull:sync:" .. state, id)
			end
		end' 0 "$now" "$1" "$2" >/dev/null
}

fill completed 2345
ends_with 2 clean completed --older 100m
says 'would remove 2,246 completed jobs of queue sync, the oldest from '
ends_with 2 clean completed --limit 46 --json
is 'those that would go' "$(json_at /0/n_matched) $(json_at /0/counts/completed) \
$(json_at /0/oldest_at_ms)" \
	"46 46 $(rcli zrange bull:sync:completed 0 0 withscores | tail -n 1)"
ends_with 0 clean completed --older 100m --limit 46 --yes
is 'so many' "$(cat "$stage/said") $(n_jobs completed)" \
	'sync: 46 jobs are removed 2299'
ends_with 0 clean completed --older 100m --yes --json
is 'all that are old' "$(json_at /0/n_removed) $(n_jobs completed)" '2200 99'
is 'the young stay' "$(rcli exists bull:sync:completed-99 \
	bull:sync:completed-100)" 1
ends_with 0 clean completed --name tenth --yes
is 'of a name' "$(n_jobs completed)" 90
ends_with 1 clean completed --older 100m --yes
ends_with 0 clean completed --yes
is 'all' "$(n_jobs completed)" 0
# a filter goes through a list while it grows shorter
fill wait 1000
ends_with 0 clean wait --name tenth --yes
says 'sync: 100 jobs are removed'
is 'the others stay, in order' "$(n_jobs wait) \
$(rcli lindex bull:sync:wait 0) $(rcli lindex bull:sync:wait -1)" \
	'900 wait-999 wait-1'
ends_with 0 clean wait --name n --yes
is 'nor do those that all match stop it' "$(n_jobs wait)" 0

# ---- lists that move while they are read ----

# Until $stage/enough is there: newer jobs fail, older ones are taken.
move_on()
{
	rcli eval '
		for _ = 1, 5 do
			local n = redis.call("INCR", "test:n")
			local id = "new-" .. n
			redis.call("HSET", "bull:sync:" .. id, "name", "n",
				"data", "{}", "opts", "{}", "timestamp", 1,
				"delay", 0, "priority", 0)
			redis.call("ZADD", "bull:sync:failed",
				tonumber(ARGV[1]) + n, id)
			redis.call("LPUSH", "bull:sync:wait", id)
			redis.call("RPOP", "bull:sync:wait")
		end' 0 "$now"
}

# Reads a line at a time, which is slower than a page.
slowly()
{
	while IFS= read -r line; do
		echo "${line%% *}"
	done
}

fill failed 3000
fill wait 3000
while [ ! -e "$stage/enough" ] && move_on; do :; done >/dev/null 2>&1 &
moving=$!
hooksync jobs failed --all | slowly | grep '^failed-' | sort >"$stage/failed"
hooksync jobs wait --all | slowly | grep '^wait-' | sort -u >"$stage/waited"
touch "$stage/enough"
wait $moving
check 'there was movement' test "$(rcli get test:n)" -gt 20
is 'each that stayed comes once' "$(wc -l <"$stage/failed") \
$(uniq "$stage/failed" | wc -l)" '3000 3000'
rcli lrange bull:sync:wait 0 -1 | grep '^wait-' | sort >"$stage/stayed"
is 'in a list it comes, too' "$(comm -13 "$stage/waited" "$stage/stayed")" ''
# shellcheck disable=SC2016 # another shell's
check 'a reader that leaves ends it well' sh -c \
	'{ "$1" -c "$2" jobs failed --all; echo $? >"$3"; } | head -n 1' - \
	"$top_builddir/hooksync" "$conf" "$stage/code"
is 'with 0' "$(cat "$stage/code")" 0
# shellcheck disable=SC2016 # another shell's
sh -c '{ "$1" -c "$2" doctor 2>"$3"; } | :' - "$top_builddir/hooksync" \
	"$conf" "$stage/moaned"
check 'also before it begins' test ! -s "$stage/moaned"
rcli del bull:sync:wait bull:sync:failed >/dev/null

# ---- drain ----

fill wait 30
fill delayed 5
fill prioritized 7
ends_with 2 drain
says 'would remove 37 jobs of queue sync (wait: 30, prioritized: 7), the next in'
ends_with 2 drain --delayed --json
is 'with the delayed' "$(json_at /0/n_matched) $(json_at /0/counts/delayed)" \
	'42 5'
ends_with 0 drain --yes
is 'drained' "$(cat "$stage/said") $(n_jobs wait) $(n_jobs prioritized) \
$(n_jobs delayed)" 'sync: 37 jobs are removed 0 0 5'
ends_with 0 drain --yes --delayed
is 'and the delayed' "$(n_jobs delayed)" 0

# ---- promote, delay, priority ----

fill delayed 5
ends_with 0 promote delayed-2
says 'delayed-2: waits no longer for its time in sync'
is 'it waits' "$(states_of delayed-2)" 'wait '
ends_with 1 promote delayed-2
moans 'delayed-2: is not in delayed'
ends_with 0 delay delayed-3 2h
says 'delayed-3: is due in 2h in sync'
is 'two hours' "$(job_field delayed-3 delay)" 7200000
ends_with 1 delay delayed-2 2h
ends_with 0 priority delayed-2 3
is 'behind those without' "$(states_of delayed-2)" 'prioritized '
ends_with 0 promote --all --json
is 'all' "$(json_at /0/n_promoted) $(n_jobs delayed) $(n_jobs wait)" '4 0 4'
ends_with 1 promote --all

# ---- pause, resume ----

ends_with 0 pause
is 'paused' "$(cat "$stage/said")" 'sync: paused; waiting: 5, active: 0'
is 'in Redis' "$(rcli hget bull:sync:meta paused)" 1
ends_with 0 pause --json
is 'twice is no harm' "$(json_at /0/was_paused) $(json_at /0/is_paused)" \
	'true true'
ends_with 0 resume
is 'resumed' "$(cat "$stage/said")" 'sync: resumed; waiting: 5, active: 0'
ends_with 0 resume --json
is 'nor is that' "$(json_at /0/was_paused) $(json_at /0/is_paused) \
$(json_at /0/n_waiting)" 'false false 5'

ends_with 0 pause --queue snyc
moans 'queue snyc was never used before; is that its name?'
rcli hset bull:pro:meta version bullmq-pro:7.1.0 >/dev/null
for verb in pause resume 'retry x' 'retry --all' 'promote --all' 'delay x 5s' \
	'priority x 1' 'unschedule x' 'remove x' 'clean failed --yes' \
	'drain --yes' 'obliterate --yes'; do
	# shellcheck disable=SC2086 # words
	ends_with 78 $verb --queue pro
	moans 'queue pro was made by BullMQ Pro'
done
is 'nothing was done to it' "$(rcli keys 'bull:pro:*')" bull:pro:meta
ends_with 1 jobs failed --queue pro
ends_with 0 stats --queue pro
says 'pro: made by BullMQ Pro, whose keys are its own'
ends_with 0 -o worker.force_pro=true pause --queue pro

# ---- logs ----

ends_with 1 logs delayed-1
moans 'delayed-1: has no log'
i=1
while [ $i -le 7 ]; do
	rcli rpush bull:sync:delayed-1:logs "row $i" >/dev/null
	i=$((i + 1))
done
rcli rpush bull:sync:delayed-1:logs "$(printf 'two\nlines \033[31m')" >/dev/null
ends_with 0 logs delayed-1 -n 2
is 'the newest rows, harmless' "$(cat "$stage/said")" 'row 7
two\nlines \x1b[31m'
is 'all of them' "$(hooksync logs delayed-1 | wc -l)" 8
ends_with 0 logs delayed-1 --json
is 'in JSON' "$(json_at /0) $(json_at /7)" "row 1 $(printf 'two\nlines \033[31m')"
rcli eval 'for i = 1, 1234 do
	redis.call("RPUSH", "bull:sync:delayed-2:logs", "line " .. i) end' 0 \
	>/dev/null
is 'more than a page' "$(hooksync logs delayed-2 | md5sum)" \
	"$(seq -f 'line %.0f' 1 1234 | md5sum)"
is 'more than a page of the newest' "$(hooksync logs delayed-2 -n 700 | md5sum)" \
	"$(seq -f 'line %.0f' 535 1234 | md5sum)"

# ---- schedulers ----

ends_with 1 schedulers
moans 'there is no scheduler'
ends_with 1 schedulers --json
is 'none, in JSON' "$(cat "$stage/said")" '[]'
due_ms=$((now + 7200000 + 300000))
rcli zadd bull:sync:repeat "$due_ms" nightly >/dev/null
rcli hset bull:sync:repeat:nightly name report pattern '0 3 * * *' \
	tz Europe/Berlin ic 7 data '{"a":1}' >/dev/null
rcli zadd bull:sync:repeat $((due_ms + 1)) often >/dev/null
rcli hset bull:sync:repeat:often name poll every 300000 ic 2 >/dev/null
ends_with 0 schedulers
is 'the next one first' "$(sed 's/  */ /g' "$stage/said")" \
	'QUEUE ID NAME WHEN NEXT RUNS
sync nightly report 0 3 * * * Europe/Berlin in 2h 7
sync often poll every 5m in 2h 2'
ends_with 0 schedulers --json
is 'in JSON' "$(json_at /0/pattern) $(json_at /0/zone) $(json_at /0/next_at_ms) \
$(json_at /1/every_ms) $(json_at /1/n_iterations) $(json_at /0/data || echo -)" \
	"0 3 * * * Europe/Berlin $due_ms 300000 2 -"
ends_with 1 unschedule nobody often
moans 'nobody: there is no such scheduler'
says 'often: makes no more jobs in sync'
is 'one is left' "$(rcli zrange bull:sync:repeat 0 -1)" nightly

# ---- obliterate ----

rcli flushall >/dev/null
fill completed 2500
fill delayed 5
rcli lpush bull:sync:active busy >/dev/null
rcli hset bull:sync:busy name n data '{}' opts '{}' timestamp 1 delay 0 \
	priority 0 >/dev/null
rcli set bull:sync:busy:lock token px 100000 >/dev/null
ends_with 2 obliterate --queue sync
says 'would OBLITERATE queue sync, for good:'
says 'completed         2,500'
moans 'nothing was removed; with --yes it would be'
ends_with 2 obliterate --queue sync --yes
moans 'workers have jobs of queue sync'
is 'it stays paused' "$(rcli hget bull:sync:meta paused) $(n_jobs completed)" \
	'1 2500'
ends_with 0 obliterate --queue sync --yes --force
says 'sync: obliterated, with 2,506 jobs'
is 'nothing is left' "$(rcli keys 'bull:sync:*')" ''
ends_with 2 obliterate --queue snyc
moans 'queue snyc was never used before; is that its name?'
the_end
