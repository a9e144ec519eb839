-- metrics: how many jobs ended, in all and in the last minutes.
--
-- KEYS  the queue's (include/queue.lua)
-- ARGV  the queue's, then completed or failed, minutes
-- Returns the counter, when it last counted, what it was at the last data point
--       (each empty when there is none), then the data points, newest first
--- @include queue.lua

local q = queue_declared()
local counter = q.base .. ':metrics:' .. ARGV[4]
local result = redis.call('HMGET', counter, 'count', 'prevTS', 'prevCount')
for i = 1, 3 do
	result[i] = result[i] or ''
end
for _, point in ipairs(redis.call('LRANGE', counter .. ':data', 0,
	tonumber(ARGV[5]) - 1)) do
	result[#result + 1] = point
end
return result
