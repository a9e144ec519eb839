-- resume: jobs are taken again. Called until it answers 0.
--
-- KEYS  the queue's (include/queue.lua)
-- ARGV  the queue's, then 1 for the first call or 0, the most jobs to move
-- Returns how many jobs are still to be moved
--
-- Work: as many jobs.
--
-- What version 5 kept apart is older than what waits, and goes in front of it.
--- @include queue.lua

local q = queue_declared()
local PUSH_MAX = 1000 -- arguments of a call

if ARGV[4] == '1' then
	redis.call('HDEL', q.meta, 'paused')
elseif queue_settings(q).is_paused then
	return 0 -- somebody has paused it again: the rest stays apart
end
local n_apart = redis.call('LLEN', q.paused)
if n_apart > 0 and redis.call('EXISTS', q.wait) == 0 then
	redis.call('RENAME', q.paused, q.wait)
	n_apart = 0
end
local left = tonumber(ARGV[5])
while n_apart > 0 and left > 0 do
	local n = math.min(n_apart, left, PUSH_MAX)
	local ids = redis.call('LRANGE', q.paused, 0, n - 1)
	redis.call('RPUSH', q.wait, unpack(ids))
	redis.call('LTRIM', q.paused, n, -1)
	n_apart = n_apart - n
	left = left - n
end
if redis.call('LLEN', q.wait) > 0 or redis.call('ZCARD', q.prioritized) > 0 then
	redis.call('ZADD', q.marker, 0, '0')
else
	queue_wake_at_due(q)
end
if ARGV[4] == '1' then
	queue_event(q, 'resumed')
end
return n_apart
