-- schedule_remove: takes a scheduler away, with its job to come if that one is
-- still delayed; one that waits or runs already is its last.
--
-- KEYS  the queue's (include/queue.lua)
-- ARGV  the queue's, then id
-- Returns 0, or 1 when there was no such scheduler
--- @include schedule.lua

local q = queue_declared()
local id = ARGV[4]
local current = tonumber(redis.call('ZSCORE', q['repeat'], id) or nil)

if not current then
	return 1
end
local job = schedule_job_id(id, current)
if redis.call('ZREM', q.delayed, job) == 1 then
	job_remove(q, job)
	queue_event(q, 'removed', 'jobId', job, 'prev', 'delayed')
end
redis.call('ZREM', q['repeat'], id)
redis.call('DEL', schedule_key(q, id))
return 0
