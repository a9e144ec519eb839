-- amend_priority: a job waits at another place.
--
-- KEYS  the queue's (include/queue.lua)
-- ARGV  the queue's, then id, priority, 1 in front of its equals or 0
-- Returns 0, or -1 for no such job
--- @include job.lua

local q = queue_declared()
local id, priority, is_next = ARGV[4], tonumber(ARGV[5]), ARGV[6] == '1'
local key = job_key(q, id)
if redis.call('EXISTS', key) == 0 then
	return MISSING
end
if redis.call('ZREM', q.prioritized, id) > 0
	or redis.call('LREM', q.wait, -1, id) > 0
	or redis.call('LREM', q.paused, -1, id) > 0 then
	if priority > 0 and is_next then
		redis.call('ZADD', q.prioritized, priority * PRIORITY_STEP, id)
	else
		ready_push(q, id, priority, is_next)
		queue_wake(q)
	end
end
redis.call('HSET', key, 'priority', ARGV[5])
return 0
