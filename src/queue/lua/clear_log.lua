-- clear_log: all rows of a job's log go, but the newest.
--
-- KEYS  the queue's (include/queue.lua)
-- ARGV  the queue's, then id, how many stay
-- Returns 0
--- @include queue.lua

local key = job_key(queue_declared(), ARGV[4]) .. ':logs'
local keep = tonumber(ARGV[5])
if keep > 0 then
	redis.call('LTRIM', key, -keep, -1)
else
	redis.call('DEL', key)
end
return 0
