#!/bin/sh
# A queue is damaged as it happens in life: a hash deleted by hand, an id pushed by
# a script, a key set by mistake, a worker killed, a resume by BullMQ 5. The doctor
# says each, touches nothing unasked, and puts it right.
# shellcheck source=tests/it/lib.sh
. "${top_srcdir:-$(dirname "$0")/../..}/tests/it/lib.sh"
story redis-server nginx

stage_mock
stage_conf
cat >"$stage/conf.d/quick.conf" <<-END
	worker = { lock_duration = "1s"; stalled_interval = "1h"; };
END
stage_redis --appendonly yes --appendfsync no
stage_responder
stage_nginx

doctor() # OPTION...; its exit code; what it says is in said and moaned
{
	hooksync doctor "$@" >"$stage/said" 2>"$stage/moaned" </dev/null
	echo $?
}

finds() # TEXT
{
	check "it says: $1" grep -Fq -e "$1" "$stage/said"
	grep -Fq -e "$1" "$stage/said" || sed 's/^/#   /' "$stage/said"
}

is_silent_about() # TEXT
{
	check "it does not say: $1" fails grep -Fq -e "$1" "$stage/said"
}

json_at() # [POINTER]
{
	"$top_builddir/tests/lib/json_at" "$@" <"$stage/said"
}

webhook() # ID; a job identity-ID
{
	is "webhook $1 is taken" \
		"$(deliver identity "$1" '{"identityId":"1","action":"created"}')" 200
}

# All keys of Redis with what they hold, but the events.
picture()
{
	for picture_key in $(rcli --raw keys 'bull:*' | sort); do
		[ "$picture_key" = "$queue:events" ] ||
			echo "$picture_key $(rcli dump "$picture_key")"
	done
}

# ---- a healthy queue ----

is 'an empty queue is well' "$(doctor)" 0
finds 'all is well'
finds 'info: redis: Redis '
webhook w1
is 'a job without a worker is a warning' "$(doctor)" 1
finds 'warning: sync: no worker is connected, and there are jobs'
is 'nothing can be repaired there' "$(doctor --repair --yes)" 1
is 'another queue is not meant' "$(doctor --queue other)" 0
is_silent_about ': sync:'
is 'no such name' "$(doctor --queue a:b)" 64
crm_put 1 '{"fullName":"Mary Shelley","email":"mary@example.com"}'
stage_worker
becomes 'the worker does it' 10 'completed ' states_of identity-w1
is 'then all is well' "$(doctor)" 0
finds 'info: sync: 1 worker is connected'
is 'in JSON, too' "$(doctor --json) $(json_at /is_healthy)" '0 true'
stage_stop worker

# ---- the server ----

rcli config set maxmemory-policy allkeys-lru >/dev/null
rcli config set appendonly no >/dev/null
is 'a Redis that loses jobs is an error' "$(doctor)" 1
finds 'error: redis: maxmemory-policy is allkeys-lru'
finds 'warning: redis: nothing is written to disk'
rcli config set maxmemory-policy noeviction >/dev/null
rcli config set maxmemory 1 >/dev/null
doctor >/dev/null
finds 'of maxmemory is used'
rcli config set maxmemory 0 >/dev/null
rcli replicaof 127.0.0.1 1 >/dev/null
doctor >/dev/null
finds 'error: redis: this Redis is a replica'
rcli replicaof no one >/dev/null
rcli config set appendonly yes >/dev/null
is 'then it is well again' "$(doctor)" 0

# ---- DEL of a hash, LPUSH of an id ----

webhook g1
webhook g2
rcli del "$queue:identity-g1" >/dev/null
rcli lpush "$queue:wait" stray >/dev/null
before=$(picture)
is 'ghosts are found' "$(doctor)" 1
finds 'error: sync: 2 ids stand in the queue without their jobs'
finds 'stray'
finds '--repair drops the id'
is 'a repair wants a yes' "$(doctor --repair)" 2
check 'and says so' grep -Fq -e '--repair --yes' "$stage/moaned"
is 'until then nothing is changed' "$(picture)" "$before"
doctor --repair --yes >/dev/null
finds 'repaired: sync: ghost stray: dropped from wait'
finds '2 repaired, 0 refused'
is 'the ghosts are gone, the job is not' \
	"$(rcli --raw lrange "$queue:wait" 0 -1)" identity-g2
is 'the events say so' "$(events_of stray)" removed

# ---- a resume that overwrites what waits ----

rcli hset "$queue:meta" paused 1 >/dev/null
for id in o1 o2 o3; do
	webhook $id
done
rcli lpush "$queue:paused" 5 >/dev/null
rcli hset "$queue:5" name n data '{}' opts '{}' timestamp 1 delay 0 \
	priority 0 >/dev/null
rcli set "$queue:id" 5 >/dev/null
doctor >/dev/null
finds 'if BullMQ 5 resumes it, 4 waiting jobs are lost'
rcli rename "$queue:paused" "$queue:wait" >/dev/null
rcli hdel "$queue:meta" paused >/dev/null
is 'lost jobs are found' "$(doctor)" 1
finds 'error: sync: 4 jobs are in no state'
finds 'identity-o1: wait'
doctor --repair --yes >/dev/null
is 'they wait again, the oldest first' \
	"$(rcli --raw lrange "$queue:wait" 0 -1 | tr '\n' ' ')" \
	'identity-o3 identity-o2 identity-o1 identity-g2 5 '
is 'a second repair finds nothing' "$(doctor --repair --yes)" 1
is_silent_about 'repaired: '
is_silent_about 'in no state'
rcli lrem "$queue:wait" 1 5 >/dev/null
rcli del "$queue:5" >/dev/null

# each goes where its fields say
due=$(($(now_ms) + 3600000))
rcli hset "$queue:d" name n data '{}' opts '{}' timestamp "$(now_ms)" \
	delay 3600000 priority 0 >/dev/null
rcli hset "$queue:p" name n data '{}' opts '{}' timestamp 1 delay 0 \
	priority 3 >/dev/null
rcli hset "$queue:c" name n data '{}' opts '{}' timestamp 1 delay 0 \
	priority 0 finishedOn 7 returnvalue null >/dev/null
rcli hset "$queue:f" name n data '{}' opts '{}' timestamp 1 delay 0 \
	priority 0 finishedOn 8 failedReason no >/dev/null
rcli hset "$queue:stump" stc 1 >/dev/null
doctor --repair --yes >/dev/null
is 'delayed' "$(states_of d)" 'delayed '
is 'prioritized' "$(states_of p)" 'prioritized '
is 'completed' "$(states_of c) $(rcli --raw zscore "$queue:completed" c)" \
	'completed  7'
is 'failed' "$(states_of f)" 'failed '
score=$(rcli --raw zscore "$queue:delayed" d)
check 'due as before' test $((score / 4096)) -ge $((due - 1000)) -a \
	$((score / 4096)) -le $((due + 1000))
finds '1 hash among the jobs is none'
check 'a fragment stays' test "$(rcli exists "$queue:stump")" -eq 1
rcli del "$queue:stump" "$queue:d" "$queue:p" "$queue:f" "$queue:c" >/dev/null
doctor --repair --yes >/dev/null
finds '4 repaired, 0 refused'

# ---- a worker killed in mid-push ----

mock_script '{"path":"/erp/customers/1","method":"PUT",
	"answers":[{"delay_ms":60000},{"delay_ms":60000},{"delay_ms":60000},
	{"delay_ms":60000}]}'
stage_worker
becomes 'four pushes are under way' 10 4 n_jobs active
is 'with a worker nothing is wrong' "$(doctor)" 0
stage_stop worker KILL
doctor >/dev/null
is_silent_about 'no lock'
n_locks() { rcli --raw keys "$queue:*:lock" | grep -c .; }
becomes 'the locks run out' 5 0 n_locks
is 'jobs without a lock are found' "$(doctor)" 1
finds 'have no lock, and no stalled check gave it back (worker hooksync-'
doctor --repair --yes >/dev/null
finds 'lockless identity-o1: wait'
is 'the job waits' "$(states_of identity-o1)" 'wait '
is 'as one that stalled' "$(job_field identity-o1 stc)" 1
rcli del "$queue:marker" >/dev/null
is 'nobody wakes workers' "$(doctor)" 1
finds 'warning: sync: jobs wait, nobody is busy, and the marker'
doctor --repair --yes >/dev/null
finds 'repaired: sync: marker set'
is 'the marker is there' "$(rcli --raw zrange "$queue:marker" 0 -1)" 0

# ---- keys of a wrong type ----

rcli del "$queue:marker" >/dev/null
rcli set "$queue:marker" oops >/dev/null
rcli set "$queue:metrics:completed" oops >/dev/null
rcli del "$queue:id" >/dev/null
rcli hset "$queue:id" name n data '{}' >/dev/null
rcli hset "$queue:41" name n data '{}' opts '{}' timestamp 1 delay 0 \
	priority 0 >/dev/null
is 'wrong types are found' "$(doctor)" 1
finds '3 keys of the queue hold something else'
finds 'marker: string'
finds 'id: hash'
doctor --repair --yes >/dev/null
finds 'repaired: sync: wrongtype marker: renamed to aside:bull:sync:marker:'
is 'what was there is kept' \
	"$(rcli --raw get "$(rcli --raw keys 'aside:bull:sync:marker:*')")" oops
is 'the counter goes on above the jobs' "$(rcli --raw get "$queue:id")" 41
is 'the job that was met is back' "$(states_of 41)" 'wait '
rcli lrem "$queue:wait" 1 41 >/dev/null
rcli del "$queue:41" >/dev/null
crm_put 1 '{"fullName":"Ada Lovelace","email":"ada@example.com"}'
stage_worker
becomes 'the queue lives again' 20 0 n_jobs wait
becomes 'to the last job' 20 0 n_jobs active
is 'all is well' "$(doctor)" 0
stage_stop worker

# ---- deduplication, parents, doubles, locks ----

rcli set "$queue:de:gone" nobody >/dev/null
rcli set "$queue:de:timed" nobody px 600000 >/dev/null
rcli hset "$queue:dn:last" name kept data '{"a":1}' \
	opts '{"de":{"id":"last","keepLastIfActive":true}}' >/dev/null
rcli set "$queue:identity-w1:lock" forever >/dev/null
rcli hset "$queue:parent" name n data '{}' opts '{}' timestamp 1 delay 0 \
	priority 0 >/dev/null
rcli zadd "$queue:waiting-children" 1 parent >/dev/null
rcli sadd "$queue:parent:dependencies" "$queue:lost-child" >/dev/null
rcli lpush "$queue:wait" identity-w1 >/dev/null
rcli hset "$queue:twice" name n data '{}' opts '{}' timestamp 1 delay 0 \
	priority 0 >/dev/null
rcli lpush "$queue:wait" twice twice >/dev/null
rcli zadd "$queue:delayed" 99999 twice >/dev/null
is 'they are found' "$(doctor)" 1
finds '1 deduplication id belongs to a job that is gone'
finds '(gone: nobody)'
finds '1 deduplicated job waits for an owner that is gone (last)'
finds '1 lock without end is left'
finds '1 parent waits for children, and none is left'
finds '2 jobs are in two places'
is_silent_about timed
is 'and in JSON' "$(doctor --json) $(json_at /n_errors)" '1 4'
is 'JSON alone repairs nothing unasked' "$(doctor --json --repair)" 2
doctor --json --repair --yes >/dev/null
is 'what was repaired is counted' "$(json_at /n_repaired) $(json_at /n_errors)" \
	'6 0'
is 'the id is free' "$(rcli exists "$queue:de:gone")" 0
is 'the one with a time of its own is not' "$(rcli exists "$queue:de:timed")" 1
made=$(rcli --raw get "$queue:de:last")
is 'what came last is a job' "$(states_of "$made") $(job_field "$made" data)" \
	'wait  {"a":1}'
is 'the parent may run' "$(states_of parent)" 'wait '
is 'what has ended has ended' "$(states_of identity-w1)" 'completed '
is 'a double is one' "$(states_of twice) \
$(rcli --raw lrange "$queue:wait" 0 -1 | grep -c twice)" 'wait  1'
is 'the lock is gone' "$(rcli exists "$queue:identity-w1:lock")" 0

# ---- schedulers, large families, large numbers ----

rcli del "$queue:wait" "$queue:delayed" "$queue:repeat" >/dev/null
rcli zadd "$queue:repeat" 1000 ended 2000 last 3000 monthly >/dev/null
for id in ended:1000 last:2000 monthly:3000; do
	rcli hset "$queue:repeat:$id" name n data '{}' opts '{}' timestamp 1 \
		delay 0 priority 0 finishedOn 1 returnvalue null >/dev/null
	rcli zadd "$queue:completed" 1 "repeat:$id" >/dev/null
done
rcli hset "$queue:repeat:ended" name n ic 4 every 1000 >/dev/null
rcli hset "$queue:repeat:last" name n ic 4 every 1000 limit 4 >/dev/null
rcli hset "$queue:repeat:monthly" name n ic 4 pattern '0 0 1 * *' \
	endDate "$(($(now_ms) + 600000))" >/dev/null
rcli hset "$queue:99999999999999999" name n data '{}' opts '{}' timestamp 1 \
	delay 0 priority 0 >/dev/null
rcli hset "$queue:parent" name n data '{}' opts '{}' timestamp 1 delay 0 \
	priority 0 >/dev/null
rcli zadd "$queue:waiting-children" 1 parent >/dev/null
rcli eval "for i = 1, 999 do
	redis.call('SADD', KEYS[1], KEYS[1] .. i) end" 1 \
	"$queue:parent:dependencies" >/dev/null
rcli sadd "$queue:parent:dependencies" "$queue:meta" >/dev/null
doctor >/dev/null
finds '1 scheduler has lost the job it had planned'
finds '(ended: 1000)'
is_silent_about 'wait for children'
is_silent_about 'waits for children'
rcli srem "$queue:parent:dependencies" "$queue:meta" >/dev/null
counter=$(rcli --raw get "$queue:id")
doctor --repair --yes >/dev/null
finds 'parent parent: freed'
finds 'orphan 99999999999999999: wait'
is 'ids stay numbers' "$(rcli --raw get "$queue:id")" "$counter"
rcli del "$queue:wait" "$queue:repeat" "$queue:99999999999999999" \
	"$queue:parent" "$queue:twice" "$queue:$made" "$queue:de:last" \
	>/dev/null

# ---- many in long lists ----

# fill PREFIX FROM TO: jobs; every tenth is in no list, another one is no job
fill()
{
	rcli eval "for i = tonumber(ARGV[2]), tonumber(ARGV[3]) do
		local id = ARGV[1] .. i
		if i % 10 ~= 3 then
			redis.call('HSET', KEYS[1] .. ':' .. id, 'name', 'n',
				'data', '{}', 'opts', '{}', 'timestamp', i,
				'delay', 0, 'priority', 0)
		end
		if i % 10 ~= 7 then
			redis.call('LPUSH', KEYS[1] .. ':wait', id)
		end
	end" 1 "$queue" "$@" >/dev/null
}

fill few 1 8000
doctor --repair --yes >/dev/null
finds '800 ids stand in the queue without'
finds '800 jobs are in no state'
finds '1600 repaired, 0 refused'
is 'each is there' "$(n_jobs wait)" 7200
is 'once' "$(rcli --raw lrange "$queue:wait" 0 -1 | sort -u | grep -c .)" 7200
fill many 1 60000
doctor --repair --yes >/dev/null
finds '6000 jobs are in no state'
finds '12000 repaired, 0 refused'
is 'each is there, beside long lists too' "$(n_jobs wait)" 61200
is 'once, too' \
	"$(rcli --raw lrange "$queue:wait" 0 -1 | sort -u | grep -c .)" 61200
is 'nothing is left to do' "$(doctor --repair --yes)" 1
is_silent_about 'repaired: '
rcli eval "for _, id in ipairs(redis.call('LRANGE', KEYS[1] .. ':wait', 0, -1)) do
	redis.call('DEL', KEYS[1] .. ':' .. id) end
	redis.call('DEL', KEYS[1] .. ':wait')" 1 "$queue" >/dev/null
rcli hset "$queue:twin" name n data '{}' opts '{}' timestamp 1 delay 0 \
	priority 0 >/dev/null
rcli lpush "$queue:active" twin twin >/dev/null
doctor --repair --yes >/dev/null
is 'a job that is active twice waits once' \
	"$(states_of twin) $(rcli --raw lrange "$queue:wait" 0 -1)" 'wait  twin'
rcli del "$queue:wait" "$queue:twin" >/dev/null

# ---- what strangers write ----

printf '\033[31mred\377\n' >"$stage/id"
rcli -x lpush "$queue:wait" <"$stage/id" >/dev/null
rcli lpush "$queue:wait" '*[' '' >/dev/null
doctor >/dev/null
check 'no control character reaches the terminal' fails \
	grep -q "$(printf '\033')" "$stage/said"
finds '3 ids stand in the queue without their jobs'
doctor --repair --yes >/dev/null
finds '3 repaired, 0 refused'

rcli hset "$queue:meta" version bullmq-pro:7.0.0 >/dev/null
rcli lpush "$queue:wait" stray >/dev/null
is 'a queue of BullMQ Pro is let be' "$(doctor --repair --yes)" 1
finds 'error: sync: the queue belongs to bullmq-pro:7.0.0'
is_silent_about '--repair'
is 'with all it holds' "$(rcli --raw lindex "$queue:wait" 0)" stray
rcli del "$queue:pc" >/dev/null
rcli rpush "$queue:pc" theirs >/dev/null
rcli rename "$queue:prioritized" kept >/dev/null 2>&1
rcli rpush "$queue:prioritized" theirs >/dev/null
is 'also where its keys cannot be read' "$(doctor --repair --yes)" 1
finds 'error: sync: the queue belongs to bullmq-pro:7.0.0'
is_silent_about '--repair'
is 'they stay' "$(rcli --raw lrange "$queue:prioritized" 0 -1)" theirs
cat >"$stage/conf.d/quick.conf" <<-END
	worker = { force_pro = true; };
END
doctor --repair --yes >/dev/null
finds 'repaired: sync: wrongtype prioritized: renamed to aside:'
finds 'repaired: sync: ghost stray: dropped from wait'

stage_stop redis
is 'no Redis' "$(doctor)" 69
the_end
