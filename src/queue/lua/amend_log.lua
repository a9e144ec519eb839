-- amend_log: a row more in a job's log.
--
-- KEYS  the queue's (include/queue.lua)
-- ARGV  the queue's, then id, the row, how many of the newest rows stay (0 for
--       all)
-- Returns how many there are, or -1 for no such job
--- @include job.lua

local q = queue_declared()
local key = job_key(q, ARGV[4])
local keep = tonumber(ARGV[6])
if not job_exists(q, ARGV[4]) then
	return MISSING
end
local n = redis.call('RPUSH', key .. ':logs', ARGV[5])
if keep > 0 then
	redis.call('LTRIM', key .. ':logs', -keep, -1)
	n = math.min(n, keep)
end
return n
