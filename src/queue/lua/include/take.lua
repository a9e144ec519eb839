-- take: jobs from waiting to active, each under a lock.
--- @include ready.lua
--- @include reply.lua

local TAKE_N_ARGS = 6
local DUE_MAX = 9e15 -- a delay of Infinity is no number to the client

-- What the taker says of himself, from ARGV[i] on: token ('0': no lock), lock
-- duration in ms, worker name ('' for none), N, max and duration in ms of his
-- own limiter (0 for none).
local function take_args(i, now)
	local max = tonumber(ARGV[i + 4])
	return {
		now = now, token = ARGV[i], lock_duration = ARGV[i + 1],
		worker = ARGV[i + 2], n_wanted = tonumber(ARGV[i + 3]),
		max = max > 0 and max or nil,
		duration = tonumber(ARGV[i + 5]),
	}
end

local function take_next_id(q)
	local id = redis.call('RPOPLPUSH', q.wait, q.active)
	while id and string.sub(id, 1, 2) == '0:' do
		-- version 4's marker, no job
		redis.call('LREM', q.active, 1, id)
		id = redis.call('RPOPLPUSH', q.wait, q.active)
	end
	if id then
		return id
	end
	local first = redis.call('ZPOPMIN', q.prioritized)
	if #first == 0 then
		redis.call('DEL', q.pc)
		return nil
	end
	local ok, refusal = pcall(redis.call, 'LPUSH', q.active, first[1])
	if not ok then
		redis.call('ZADD', q.prioritized, first[2], first[1])
		error(refusal, 0)
	end
	return first[1]
end

-- The queue's own maximum goes before the taker's, the taker's duration before
-- the queue's. A job that is only to be failed counts for version 5 alone.
local function take_count_for_limiter(q, t, key)
	local s = queue_settings(q)
	if not (s.max or t.max) or (not queue_is_v5(q)
		and redis.call('HEXISTS', key, 'defa') == 1) then
		return
	end
	if redis.call('INCR', q.limiter) == 1 then
		local duration = t.max and t.duration or s.duration
		redis.call('PEXPIRE', q.limiter,
			math.floor(math.abs(duration or 0)))
	end
end

-- A job that is too large must fail once with a reason, and not cost its takers
-- the connection, one after the other. Nothing stands in for its values.
local function take_no_value()
	return nil
end

-- What reply_read says of the job, or nil for an id that names no job.
local function take_job(q, t, id)
	local key = job_key(q, id)
	if job_is_none(key) then
		return nil
	end
	take_count_for_limiter(q, t, key)
	if t.token ~= '0' then
		redis.call('SET', key .. ':lock', t.token, 'PX', t.lock_duration)
	end
	queue_event(q, 'active', 'jobId', id, 'prev', 'waiting')
	if t.worker == '' then
		redis.call('HSET', key, 'processedOn', t.now)
	else
		redis.call('HSET', key, 'processedOn', t.now, 'pb', t.worker)
	end
	job_count(key, 'ats')
	return reply_read(key, take_no_value)
end

-- One sleeper more wakes while there is something to take; the last job wakes
-- nobody for nothing.
local function take_chain(q)
	if redis.call('LLEN', q.wait) > 0
		or redis.call('ZCARD', q.prioritized) > 0 then
		redis.call('ZADD', q.marker, 0, '0')
	else
		queue_wake_at_due(q)
	end
end

-- Appends to result: ms for which the queue is rate limited (0), the due time
-- in ms of the next delayed job (0 for none), 1 when paused or at its global
-- concurrency, then for each job its id, its bytes when it is too large for a
-- reply and lacks its large values (0), and its hash. Returns how many jobs.
--
-- Stops early when nothing is left, nothing more may be taken, or the jobs are
-- large. An id whose key holds no hash is dropped on the way.
local function take_some(q, t, result)
	local head = #result
	for i = 1, 3 do
		result[head + i] = 0
	end
	-- first, for it is done even when memory is short, and then all is:
	-- workers must be able to empty a full Redis
	redis.pcall('SREM', q.stalled, '')
	ready_promote(q, t.now)
	local n_taken, n_bytes = 0, 0
	while n_taken < t.n_wanted and n_bytes < REPLY_BYTES_MAX do
		result[head + 1] = queue_limited_ms(q, t.max)
		if result[head + 1] > 0 then
			break
		end
		if queue_is_busy(q) then
			result[head + 3] = 1
			break
		end
		local id = take_next_id(q)
		if not id then
			break
		end
		local hash, size, n_left_out = take_job(q, t, id)
		if hash then
			n_taken = n_taken + 1
			n_bytes = n_bytes + size
			result[#result + 1] = id
			result[#result + 1] = n_left_out
			result[#result + 1] = hash
		else
			redis.call('LREM', q.active, 1, id)
			queue_forget(q, id, 'active')
		end
	end
	if n_taken > 0 then
		take_chain(q)
	end
	result[head + 2] = math.floor(math.min(queue_next_due(q) or 0, DUE_MAX))
	return n_taken
end
