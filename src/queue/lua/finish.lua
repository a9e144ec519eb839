-- finish: N active jobs end or leave, each on its own; then, perhaps, some are
-- taken.
--
-- KEYS  the queue's (include/queue.lua)
-- ARGV  the queue's, then now, token ('0' passes every lock), for how many
--       minutes finished jobs are counted (0 for none), 1 to take none where a
--       job came to an error or 0, what a taker says of himself
--       (include/take.lua: take_args; N 0 to take none), then for each job:
--       kind, id, value (returnvalue as JSON, the reason as text, or the key
--       of the child to wait for, '' for any), stacktrace (the new JSON array,
--       '' to leave it), has_trace (1 or 0), trace, delay, attempts, is_lifo
--       (1 or 0), keep count (-1 for all), keep age in s (0 for any), keep
--       limit (0 for 1000)
--       Kinds: completed, failed, retry, postpone, release, children
-- Returns an array with a code for each: 0 done, 1 no child to wait for, -1 no
--       such job, -2 lock missing, -3 not active, -4 children pending, -6 lock
--       of another, -9 children failed, or the text of what Redis refused; for
--       a job that was released, an array with the ms for which the queue is
--       rate limited. If jobs were to be taken, what take_some says follows.
--
-- After -3 the lock and the fields are already changed, as they are in Node.
--- @include dedup.lua
--- @include take.lua

local N_FIELDS = 12
local REMOVE_MAX = 1000 -- by each job that finishes, where it does not say
-- by one call: a removal costs Redis some 6 us, and all others wait meanwhile
local n_removable = 10000

local q = queue_declared()
local now, token = tonumber(ARGV[4]), ARGV[5]
local n_points = tonumber(ARGV[6])
local is_next_if_done = ARGV[7] == '1'
local taker = take_args(8, now)
local queues = {}
-- What the job just run wants done if nothing is taken right after it.
local afterwards

-- Each kind checks in the same order: the job, our lock, its place in active.
local function leave(j)
	local code = job_unlock(q, j.id, token)
	if code ~= 0 then
		return code
	end
	if j.reason then
		redis.call('HSET', j.key, 'failedReason', j.reason)
	end
	if j.stacktrace ~= '' then
		redis.call('HSET', j.key, 'stacktrace', j.stacktrace)
	end
	if j.trace then
		redis.call('HSET', j.key, 'tm', j.trace)
	end
	if redis.call('LREM', q.active, -1, j.id) == 0 then
		return NOT_ACTIVE
	end
	return 0
end

-- A job that has left active goes on by step(...). What Redis refuses brings it
-- back there: without a lock, a stalled check finds it.
local function go(j, step, ...)
	local ok, result = pcall(step, ...)
	if not ok then
		redis.call('LPUSH', q.active, j.id)
		error(result, 0)
	end
	return result
end

-- Removes a finished job and makes its parent wait for it no longer: one that
-- failed may still be among the dependencies. Where keys are broken the parent is
-- let be: one old job must not stay for ever and stop the removal of the others.
local function remove_finished(id)
	local key = job_key(q, id)
	local ok, parent = pcall(parent_of, q, key, queues)
	job_remove(q, id)
	if ok and parent then
		pcall(parent_child_gone, parent, key)
	end
end

-- Old finished jobs go when another one finishes: those over age (the newest of
-- them first, as upstream), then those beyond the newest `count`.
local function apply_retention(target, j)
	if j.keep_age > 0 then
		local limit = math.min(n_removable,
			j.keep_limit > 0 and j.keep_limit or REMOVE_MAX)
		local oldest = now - j.keep_age * 1000
		local ids = redis.call('ZREVRANGEBYSCORE', target, oldest, '-inf',
			'LIMIT', 0, limit)
		for _, id in ipairs(ids) do
			remove_finished(id)
			redis.call('ZREM', target, id)
		end
		n_removable = n_removable - #ids
	end
	if j.keep_count > 0 then
		local excess = math.min(n_removable, REMOVE_MAX,
			redis.call('ZCARD', target) - j.keep_count)
		if excess > 0 then
			local ids = redis.call('ZRANGE', target, 0, excess - 1)
			for _, id in ipairs(ids) do
				remove_finished(id)
				redis.call('ZREM', target, id)
			end
			n_removable = n_removable - #ids
		end
	end
end

local function tell_parent(parent, j, target)
	parent.now = now
	if target == 'completed' then
		parent_child_completed(parent, j.key, j.value)
	else
		parent_child_failed(parent, j.key, j.value, now)
	end
end

-- Finished jobs per minute, the newest minute first. Minutes in which none ended
-- become zeros when the next one does.
local function count_point(target)
	local key = q.base .. ':metrics:' .. target
	local n = redis.call('HINCRBY', key, 'count', 1) - 1
	local fields = redis.call('HMGET', key, 'prevTS', 'prevCount')
	local before = tonumber(fields[1] or nil)
	if not before then
		redis.call('HSET', key, 'prevTS', now, 'prevCount', 0)
		return
	end
	local n_minutes = math.min(n_points,
		math.floor(now / 60000) - math.floor(before / 60000))
	if n_minutes <= 0 then
		return
	end
	local data = key .. ':data'
	redis.call('LPUSH', data, n - (tonumber(fields[2] or nil) or 0))
	local zeros = {}
	for k = 2, n_minutes do
		zeros[#zeros + 1] = 0
		if #zeros == 1000 or k == n_minutes then
			redis.call('LPUSH', data, unpack(zeros))
			zeros = {}
		end
	end
	redis.call('LTRIM', data, 0, n_points - 1)
	redis.call('HSET', key, 'prevTS', now, 'prevCount', n)
end

local function tell_drained()
	if redis.call('LLEN', q.active) == 0 and redis.call('LLEN', q.wait) == 0
		and redis.call('ZCARD', q.prioritized) == 0 then
		queue_event(q, 'drained')
	end
end

-- The job has left active: whatever Redis refuses beside it, it must get to where
-- finished jobs are. The refusal is told in the end.
local function finish(j, target, field)
	local parent = parent_of(q, j.key, queues)
	local refusal
	local function beside(step, ...)
		local ok, reason = pcall(step, ...)
		if not ok then
			refusal = refusal or reason
		end
	end
	beside(queue_trim_events, q)
	beside(dedup_release, q, j.id, now)
	if parent then
		beside(tell_parent, parent, j, target)
	end
	local made = job_count(j.key, 'atm')
	if j.keep_count ~= 0 then
		go(j, redis.call, 'ZADD', q[target], now, j.id)
		redis.call('HSET', j.key, field, j.value, 'finishedOn', now)
		if target == 'failed' then
			redis.call('HDEL', j.key, 'defa')
		end
		apply_retention(q[target], j)
	else
		remove_finished(j.id)
	end
	queue_event(q, target, 'jobId', j.id, field, j.value, 'prev', 'active')
	if target == 'failed' and made >= j.attempts then
		queue_event(q, 'retries-exhausted', 'jobId', j.id,
			'attemptsMade', made)
	end
	if n_points > 0 then
		beside(count_point, target)
	end
	afterwards = tell_drained
	if refusal then
		error(refusal)
	end
	return 0
end

local kinds = {}

function kinds.completed(j)
	if redis.call('SCARD', j.key .. ':dependencies') ~= 0 then
		return HAS_CHILDREN
	end
	if redis.call('ZCARD', j.key .. ':unsuccessful') ~= 0 then
		return FAILED_CHILDREN
	end
	local code = leave(j)
	return code ~= 0 and code or finish(j, 'completed', 'returnvalue')
end

function kinds.failed(j)
	j.reason = j.value
	local code = leave(j)
	return code ~= 0 and code or finish(j, 'failed', 'failedReason')
end

local function delay(j, counts)
	local code = leave(j)
	if code ~= 0 then
		return code
	end
	local due = go(j, ready_delay, q, j.id, now, j.delay)
	if counts then
		job_count(j.key, 'atm')
	end
	redis.call('HSET', j.key, 'delay', j.delay)
	queue_event_capped(q, 'delayed', 'jobId', j.id, 'delay', due)
	afterwards = function() queue_wake_at_due(q) end
	return 0
end

function kinds.retry(j)
	j.reason = j.value
	if j.delay > 0 then
		return delay(j, true)
	end
	local code = leave(j)
	if code ~= 0 then
		return code
	end
	local priority = tonumber(redis.call('HGET', j.key, 'priority') or 0) or 0
	go(j, ready_push, q, j.id, priority, j.is_lifo)
	queue_wake(q)
	job_count(j.key, 'atm')
	queue_event_capped(q, 'waiting', 'jobId', j.id, 'prev', 'active')
	return 0
end

function kinds.postpone(j)
	return delay(j, false)
end

function kinds.release(j)
	local code = job_unlock(q, j.id, token)
	if code ~= 0 then
		return code
	end
	if redis.call('LREM', q.active, 1, j.id) == 0 then
		return NOT_ACTIVE
	end
	local priority = tonumber(redis.call('HGET', j.key, 'priority') or 0) or 0
	if priority > 0 then
		go(j, redis.call, 'ZADD', q.prioritized,
			priority * PRIORITY_STEP, j.id)
	else
		go(j, redis.call, 'RPUSH', queue_ready(q), j.id)
	end
	-- BullMQ leaves a prioritized one to the marker that its take wrote; ours
	-- wrote none if this was the last
	queue_wake(q)
	queue_event_capped(q, 'waiting', 'jobId', j.id, 'prev', 'active')
	return { math.max(0, redis.call('PTTL', q.limiter)) }
end

function kinds.children(j)
	local dependencies = j.key .. ':dependencies'
	if redis.call('ZCARD', j.key .. ':unsuccessful') ~= 0 then
		return FAILED_CHILDREN
	end
	if j.value == '' and redis.call('SCARD', dependencies) == 0
		or j.value ~= ''
		and redis.call('SISMEMBER', dependencies, j.value) == 0 then
		return NOTHING_PENDING
	end
	local code = leave(j)
	if code ~= 0 then
		return code
	end
	go(j, redis.call, 'ZADD', q['waiting-children'], now, j.id)
	queue_event(q, 'waiting-children', 'jobId', j.id, 'prev', 'active')
	return 0
end

local function run(i)
	local j = {
		id = ARGV[i + 1], key = job_key(q, ARGV[i + 1]),
		value = ARGV[i + 2], stacktrace = ARGV[i + 3],
		trace = ARGV[i + 4] == '1' and ARGV[i + 5] or nil,
		delay = tonumber(ARGV[i + 6]), attempts = tonumber(ARGV[i + 7]),
		is_lifo = ARGV[i + 8] == '1', keep_count = tonumber(ARGV[i + 9]),
		keep_age = tonumber(ARGV[i + 10]),
		keep_limit = tonumber(ARGV[i + 11]),
	}
	if ARGV[i] == 'retry' and j.delay == 0 then
		ready_promote(q, now)
	end
	if redis.call('EXISTS', j.key) == 0 then
		return MISSING
	end
	return kinds[ARGV[i]](j)
end

-- A key of a wrong type, in a parent's queue perhaps, must not stop the jobs
-- beside it.
local function run_alone(i)
	local ok, code = pcall(run, i)
	if ok then
		return code
	end
	return type(code) == 'table' and code.err or tostring(code)
end

-- Jobs given back come out in the order they were taken: each goes in front
-- of the one before it, so the last is pushed first.
local first = 8 + TAKE_N_ARGS
local n = (#ARGV - first + 1) / N_FIELDS
local order = {}
for k = 1, n do
	if ARGV[first + (k - 1) * N_FIELDS] ~= 'release' then
		order[#order + 1] = k
	end
end
for k = n, 1, -1 do
	if ARGV[first + (k - 1) * N_FIELDS] == 'release' then
		order[#order + 1] = k
	end
end

-- A take belongs to the last of them, as if each had been told alone.
local codes = {}
for i, k in ipairs(order) do
	afterwards = nil
	codes[k] = run_alone(first + (k - 1) * N_FIELDS)
	if is_next_if_done and type(codes[k]) ~= 'table' and codes[k] ~= 0 then
		taker.n_wanted = 0
	end
	if afterwards and (i < n or taker.n_wanted == 0) then
		afterwards()
	end
end
local result = { codes, 0, 0, 0 }
if taker.n_wanted > 0 then
	result = { codes }
	-- what it is refused the next take is told: the codes must not be lost
	local ok, n_taken = pcall(take_some, q, taker, result)
	local has_said_something = result[2] > 0 or result[3] > 0
		or result[4] > 0
	if ok and n_taken == 0 and afterwards
		and not (afterwards == tell_drained and has_said_something) then
		afterwards()
	end
end
return result
