-- retry: a finished job waits again, its attempts counted anew.
--
-- KEYS  the queue's (include/queue.lua)
-- ARGV  the queue's, then id, state it is in (failed or completed)
-- Returns 1, or -1 for no such job, -3 for a job that is not in that state
--- @include job.lua

local q = queue_declared()
return job_reprocess(q, ARGV[4], ARGV[5], {})
