-- retry: a finished job waits again.
--
-- KEYS  the queue's (include/queue.lua)
-- ARGV  the queue's, then id, state it is in (failed or completed), 1 to count
--       its attempts anew or 0, the same for its starts
-- Returns 1, or -1 for no such job, -3 for a job that is not in that state
--- @include job.lua

local q = queue_declared()
return job_reprocess(q, ARGV[4], ARGV[5], {},
	{ atm = ARGV[6] == '1', ats = ARGV[7] == '1' })
