-- amend_progress: how far a job is.
--
-- KEYS  the queue's (include/queue.lua)
-- ARGV  the queue's, then id, the progress as JSON
-- Returns 0, or -1 for no such job
--- @include job.lua

local q = queue_declared()
local key = job_key(q, ARGV[4])
if not job_exists(q, ARGV[4]) then
	return MISSING
end
redis.call('HSET', key, 'progress', ARGV[5])
queue_event_capped(q, 'progress', 'jobId', ARGV[4], 'data', ARGV[5])
return 0
