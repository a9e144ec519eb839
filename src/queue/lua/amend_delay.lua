-- amend_delay: a delayed job is due at another time.
--
-- KEYS  the queue's (include/queue.lua)
-- ARGV  the queue's, then id, delay in ms, now
-- Returns 0, or -1 for no such job, -3 for one that is not delayed
--- @include job.lua

local q = queue_declared()
local id, delay = ARGV[4], tonumber(ARGV[5])
local key = job_key(q, id)
if not job_exists(q, id) then
	return MISSING
end
if redis.call('ZREM', q.delayed, id) == 0 then
	return NOT_ACTIVE
end
local due = ready_delay(q, id, tonumber(ARGV[6]), delay)
redis.call('HSET', key, 'delay', ARGV[5])
queue_event_capped(q, 'delayed', 'jobId', id, 'delay', due)
queue_wake_at_due(q)
return 0
