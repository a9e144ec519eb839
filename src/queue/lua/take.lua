-- take: moves up to N jobs to active, each under a lock.
--
-- KEYS  the queue's (include/queue.lua)
-- ARGV  the queue's, then now, token, lock duration in ms, worker name ('' for
--       none), N
-- Returns ms for which the queue is rate limited (0), the due time in ms of
--       the next delayed job (0 for none), 1 when paused or at its global
--       concurrency, then for each job its id and its hash
--
-- Stops early when nothing is left, nothing more may be taken, or the jobs are
-- large. An id whose key holds no hash is dropped on the way. A deferred
-- failure (defa) is the taker's to see: such a job must be failed, not run.
-- A scheduler's job (rjk) is handed out like any other; nothing here makes the
-- next one: that step belongs right after the take, before the job runs.
--- @include ready.lua

local q = queue_declared()
local now = tonumber(ARGV[4])
local token, lock_duration, worker = ARGV[5], ARGV[6], ARGV[7]
local n_wanted = tonumber(ARGV[8])

local function next_id()
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
	redis.call('LPUSH', q.active, first[1])
	return first[1]
end

local function count_for_limiter(key)
	local s = queue_settings(q)
	if not s.max or s.max == 0 or redis.call('HEXISTS', key, 'defa') == 1 then
		return
	end
	if redis.call('INCR', q.limiter) == 1 and s.duration then
		redis.call('PEXPIRE', q.limiter,
			math.floor(math.abs(s.duration)))
	end
end

-- The job's hash, or nil for an id that names no job.
local function take(id)
	local key = job_key(q, id)
	if job_is_none(key) then
		return nil
	end
	count_for_limiter(key)
	redis.call('SET', key .. ':lock', token, 'PX', lock_duration)
	queue_event(q, 'active', 'jobId', id, 'prev', 'waiting')
	if worker == '' then
		redis.call('HSET', key, 'processedOn', now)
	else
		redis.call('HSET', key, 'processedOn', now, 'pb', worker)
	end
	job_count(key, 'ats')
	return redis.call('HGETALL', key)
end

-- One sleeper more wakes while there is something to take; the last job wakes
-- nobody for nothing.
local function chain()
	if redis.call('LLEN', q.wait) > 0
		or redis.call('ZCARD', q.prioritized) > 0 then
		redis.call('ZADD', q.marker, 0, '0')
	else
		queue_wake_at_due(q)
	end
end

ready_promote(q, now)

local result = { 0, 0, 0 }
local n_taken, n_bytes = 0, 0
while n_taken < n_wanted and n_bytes < REPLY_BYTES_MAX do
	result[1] = queue_limited_ms(q)
	if result[1] > 0 then
		break
	end
	if queue_is_busy(q) then
		result[3] = 1
		break
	end
	local id = next_id()
	if not id then
		break
	end
	local hash = take(id)
	if hash then
		n_taken = n_taken + 1
		n_bytes = n_bytes + job_bytes(hash)
		result[#result + 1] = id
		result[#result + 1] = hash
	else
		redis.call('LREM', q.active, 1, id)
		queue_forget(q, id, 'active')
	end
end
if n_taken > 0 then
	chain()
end
result[2] = math.floor(queue_next_due(q) or 0)
return result
