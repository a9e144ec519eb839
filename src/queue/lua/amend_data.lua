-- amend_data: a job's data are others.
--
-- KEYS  the queue's (include/queue.lua)
-- ARGV  the queue's, then id, the data
-- Returns 0, or -1 for no such job
--- @include job.lua

local key = job_key(queue_declared(), ARGV[4])
if redis.call('EXISTS', key) == 0 then
	return MISSING
end
redis.call('HSET', key, 'data', ARGV[5])
return 0
