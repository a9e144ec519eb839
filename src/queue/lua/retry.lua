-- retry: a finished job waits again, its attempts counted anew.
--
-- KEYS  the queue's (include/queue.lua)
-- ARGV  base, max_events, id, state it is in (failed or completed)
-- Returns 1, or -1 for no such job, -3 for a job that is not in that state
--- @include job.lua

local q = queue_declared(ARGV[1], ARGV[2])
return job_reprocess(q, ARGV[3], ARGV[4], {})
