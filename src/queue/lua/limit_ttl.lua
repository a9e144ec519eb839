-- limit_ttl: for how long nothing may be taken.
--
-- KEYS  the queue's (include/queue.lua)
-- ARGV  the queue's, then the number of jobs from which on the limit holds (0
--       for the queue's own)
-- Returns ms; without any such number what is left of the limiter's life, -2 for
--       no limiter
--- @include queue.lua

local q = queue_declared()
local max = tonumber(ARGV[4])
if max == 0 then
	max = queue_settings(q).max
end
if not max or max == 0 then
	return redis.call('PTTL', q.limiter)
end
q.settings = { max = max }
return queue_limited_ms(q)
