-- promote: a delayed job waits no longer.
--
-- KEYS  the queue's (include/queue.lua)
-- ARGV  the queue's, then id
-- Returns 0, or -1 for an id without a job, which is dropped, -3 for one that is
--       not delayed
--- @include job.lua

local q = queue_declared()
local id = ARGV[4]
if not redis.call('ZSCORE', q.delayed, id) then
	return NOT_ACTIVE
end
if not job_exists(q, id) then
	redis.call('ZREM', q.delayed, id)
	queue_forget(q, id, 'delayed')
	return MISSING
end
ready_promote_one(q, id)
queue_wake(q)
return 0
