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
	-- first, for it is done even when memory is short, and then all is
	redis.call('DEL', q.marker)
	redis.call('HSET', q.meta, 'paused', 1)
	queue_event(q, 'paused')
elseif not queue_settings(q).is_paused then
	return 0 -- somebody has resumed it: nothing is kept apart any more
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
