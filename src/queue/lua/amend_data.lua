-- amend_data: a job's data are others.
--
-- KEYS  the queue's (include/queue.lua)
-- ARGV  the queue's, then id, the data
-- Returns 0, or -1 for no such job
--- @include job.lua

local q = queue_declared()
local key = job_key(q, ARGV[4])
if not job_exists(q, ARGV[4]) then
	return MISSING
end
redis.call('HSET', key, 'data', ARGV[5])
return 0
