-- ready: how a job becomes takeable, now or at its time.
--- @include queue.lua

local PRIORITY_STEP = 4294967296 -- 2^32 places for each priority
local DUE_STEP = 4096            -- places for each millisecond
local PROMOTE_MAX = 1000

local function ready_prioritized(q, id, priority)
	local n = redis.call('INCR', q.pc)
	redis.call('ZADD', q.prioritized,
		priority * PRIORITY_STEP + n % PRIORITY_STEP, id)
end

-- Behind all others (or, is_next, in front of them). The caller wakes.
local function ready_push(q, id, priority, is_next)
	if priority > 0 then
		ready_prioritized(q, id, priority)
	elseif is_next then
		redis.call('RPUSH', queue_ready(q), id)
	else
		redis.call('LPUSH', queue_ready(q), id)
	end
end

-- Among the delayed, behind those due in the same millisecond. Returns the due
-- time. The caller sets the marker.
local function ready_delay(q, id, now, delay)
	local due = delay > 0 and now + delay or now
	local low = due * DUE_STEP
	local high = low + DUE_STEP - 1
	local score = low
	local last = redis.call('ZREVRANGEBYSCORE', q.delayed, high, low,
		'WITHSCORES', 'LIMIT', 0, 1)
	if #last > 0 then
		score = math.min(tonumber(last[2]) + 1, high)
	end
	redis.call('ZADD', q.delayed, score, id)
	return due
end

-- Takes an id out of the sorted set `from` and gives it to push(...); what Redis
-- refuses leaves it where it was. Was it there, and what did push return?
local function ready_move(from, id, push, ...)
	local score = redis.call('ZSCORE', from, id)
	if not score then
		return false
	end
	-- first, for it is done even when memory is short, and then all is
	redis.call('ZREM', from, id)
	local ok, result = pcall(push, ...)
	if not ok then
		redis.call('ZADD', from, score, id)
		error(result, 0)
	end
	return true, result
end

local function ready_promote_one(q, id)
	local key = job_key(q, id)
	if job_is_none(key) then
		redis.call('ZREM', q.delayed, id)
		queue_forget(q, id, 'delayed')
		return
	end
	local priority = tonumber(redis.call('HGET', key, 'priority') or 0) or 0
	ready_move(q.delayed, id, ready_push, q, id, priority, false)
	queue_event(q, 'waiting', 'jobId', id, 'prev', 'delayed')
	redis.call('HSET', key, 'delay', 0)
end

-- Moves delayed jobs whose time has come to the ready ones, each on its own: what
-- Redis refuses for one must lose neither it nor those behind it.
local function ready_promote(q, now)
	local ids = redis.call('ZRANGEBYSCORE', q.delayed, 0,
		(now + 1) * DUE_STEP - 1, 'LIMIT', 0, PROMOTE_MAX)
	if #ids == 0 then
		return
	end
	for _, id in ipairs(ids) do
		ready_promote_one(q, id)
	end
	queue_wake(q)
end
