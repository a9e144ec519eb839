-- settings: what is set for the whole queue.
--
-- KEYS  the queue's (include/queue.lua)
-- ARGV  the queue's
-- Returns 1 when paused, concurrency, max, duration, opts.maxLenEvents, version of
--       its meta ('' for what is not there), and how many jobs are active
--- @include queue.lua

local q = queue_declared()
local result = redis.call('HMGET', q.meta, 'paused', 'concurrency', 'max',
	'duration', 'opts.maxLenEvents', 'version')
result[1] = result[1] and '1' -- whatever it holds
for i = 1, 6 do
	result[i] = result[i] or ''
end
result[7] = redis.call('LLEN', q.active)
return result
