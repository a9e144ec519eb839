-- count: how many jobs are in each state.
--
-- KEYS  the queue's (include/queue.lua)
-- ARGV  the queue's
-- Returns 1 when paused, the timestamp of the job next in turn (0 for none),
--       then the counts of wait, prioritized, delayed, active, completed,
--       failed, waiting-children, paused
--- @include queue.lua

local q = queue_declared()

local function first_waiting()
	return redis.call('LINDEX', q.wait, -1)
		or redis.call('LINDEX', q.paused, -1)
		or redis.call('ZRANGE', q.prioritized, 0, 0)[1]
end

local id = first_waiting()
local oldest = id and redis.pcall('HGET', job_key(q, id), 'timestamp')
if type(oldest) ~= 'string' then
	oldest = 0 -- none, or no job
end
return {
	redis.call('HEXISTS', q.meta, 'paused'),
	oldest,
	redis.call('LLEN', q.wait),
	redis.call('ZCARD', q.prioritized),
	redis.call('ZCARD', q.delayed),
	redis.call('LLEN', q.active),
	redis.call('ZCARD', q.completed),
	redis.call('ZCARD', q.failed),
	redis.call('ZCARD', q['waiting-children']),
	redis.call('LLEN', q.paused),
}
