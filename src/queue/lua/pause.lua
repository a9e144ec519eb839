-- pause: nothing is taken any more. Called until it answers 0.
--
-- KEYS  the queue's (include/queue.lua)
-- ARGV  the queue's, then 1 for the first call or 0, the most jobs to move
-- Returns how many jobs are still to be moved
--
-- Work: as many jobs.
--
-- Version 5 keeps what waits apart while paused. Where something is there already,
-- what waits goes behind it; upstream would drop the one or the other.
--- @include queue.lua

local q = queue_declared()
if ARGV[4] == '1' then
	redis.call('HSET', q.meta, 'paused', 1)
	redis.call('DEL', q.marker)
	queue_event(q, 'paused')
end
if not queue_is_v5(q) or redis.call('EXISTS', q.wait) == 0 then
	return 0
end
if redis.call('EXISTS', q.paused) == 0 then
	redis.call('RENAME', q.wait, q.paused)
	return 0
end
for _ = 1, tonumber(ARGV[5]) do
	if not redis.call('RPOPLPUSH', q.wait, q.paused) then
		break
	end
end
return redis.call('LLEN', q.wait)
