-- stalled: active jobs that were active at the last check too and have no lock
-- go back to waiting.
--
-- KEYS  the queue's (include/queue.lua)
-- ARGV  the queue's, then now, interval in ms, how often a job may stall
-- Returns the ids of the jobs that stalled
--
-- Runs once per interval for all workers of a queue. A job that stalled too
-- often gets a deferred failure, which the next taker has to carry out.
--- @include ready.lua

local CHUNK = 1000

local q = queue_declared()
local now, interval, max_stalled = ARGV[4], ARGV[5], tonumber(ARGV[6])

if redis.call('EXISTS', q['stalled-check']) == 1 then
	return {}
end
redis.call('SET', q['stalled-check'], now, 'PX', interval)
queue_trim_events(q)

-- A scheduler's job must run again, or there would be no next one.
local function is_scheduled(key)
	local scheduler = redis.call('HGET', key, 'rjk')
	return scheduler and (redis.call('ZSCORE', q['repeat'], scheduler)
		or redis.call('EXISTS', q['repeat'] .. ':' .. scheduler) == 1)
end

local stalled = {}
local function recover(id)
	local key = job_key(q, id)
	if redis.call('EXISTS', key .. ':lock') == 1
		or redis.call('LREM', q.active, 1, id) == 0
		or redis.call('EXISTS', key) == 0 then
		return
	end
	if job_is_none(key) then
		queue_forget(q, id, 'active')
		return
	end
	local n = job_count(key, 'stc')
	if n > max_stalled and not is_scheduled(key) then
		redis.call('HSET', key, 'defa',
			'job stalled more than allowable limit')
	end
	redis.call('RPUSH', queue_ready(q), id)
	queue_wake(q)
	queue_event(q, 'waiting', 'jobId', id, 'prev', 'active')
	queue_event(q, 'stalled', 'jobId', id)
	stalled[#stalled + 1] = id
end

local suspects = redis.call('SMEMBERS', q.stalled)
if #suspects > 0 then
	redis.call('DEL', q.stalled)
	for _, id in ipairs(suspects) do
		recover(id)
	end
end

local active = redis.call('LRANGE', q.active, 0, -1)
for i = 1, #active, CHUNK do
	redis.call('SADD', q.stalled,
		unpack(active, i, math.min(i + CHUNK - 1, #active)))
end
return stalled
