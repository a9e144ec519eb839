-- job: the hash of a job, its lock, its end.
--- @include parent.lua

local MISSING, LOCK_MISSING, NOT_ACTIVE = -1, -2, -3
local NOTHING_PENDING = 1
local HAS_CHILDREN, LOCK_FOREIGN, FAILED_CHILDREN = -4, -6, -9

-- Is there such a job?
local function job_exists(q, id)
	return not queue_has_key(q, id)
		and redis.call('TYPE', job_key(q, id)).ok == 'hash'
end

-- j: id, name, data, opts, timestamp, delay, priority, and where they apply
-- parent_key and parent, rjk, deid.
local function job_store(q, j)
	local fields = {
		'name', j.name, 'data', j.data, 'opts', j.opts,
		'timestamp', j.timestamp, 'delay', j.delay,
		'priority', j.priority,
	}
	local function add(name, value)
		if value then
			fields[#fields + 1] = name
			fields[#fields + 1] = value
		end
	end
	add('parentKey', j.parent_key)
	add('parent', j.parent)
	add('rjk', j.rjk)
	add('deid', j.deid)
	redis.call('HSET', job_key(q, j.id), unpack(fields))
	queue_event(q, 'added', 'jobId', j.id, 'name', j.name)
end

-- A stored job goes to where it waits. Returns 'ready' or 'delayed': the
-- caller sets the marker.
local function job_enqueue(q, j, now)
	if j.delay > 0 then
		local due = ready_delay(q, j.id, now, j.delay)
		queue_event_capped(q, 'delayed', 'jobId', j.id, 'delay', due)
		return 'delayed'
	end
	ready_push(q, j.id, j.priority, j.is_lifo)
	queue_event_capped(q, 'waiting', 'jobId', j.id)
	return 'ready'
end

local function job_remove(q, id)
	local key = job_key(q, id)
	redis.call('DEL', key, key .. ':logs', key .. ':dependencies',
		key .. ':processed', key .. ':failed', key .. ':unsuccessful')
end

-- Gives the lock back if it is ours: 0, or the code of what is wrong. Token '0'
-- passes every lock and leaves it.
local function job_unlock(q, id, token)
	if token == '0' then
		return 0
	end
	local lock = job_key(q, id) .. ':lock'
	local owner = redis.call('GET', lock)
	if not owner then
		return LOCK_MISSING
	end
	if owner ~= token then
		return LOCK_FOREIGN
	end
	redis.call('DEL', lock)
	redis.call('SREM', q.stalled, id)
	return 0
end

-- A finished job waits again. from: 'failed' or 'completed'; resets: which of
-- its counters (atm, ats) start anew, nil for both. 1, or the code of what is
-- wrong. It is pushed before it leaves where it was: a push that is refused
-- changes nothing.
local function job_reprocess(q, id, from, queues, resets)
	local key = job_key(q, id)
	if redis.call('EXISTS', key) == 0 then
		return MISSING
	end
	if not redis.call('ZSCORE', q[from], id) then
		return NOT_ACTIVE
	end
	local fields = redis.call('HMGET', key, 'priority', 'opts')
	local priority = tonumber(fields[1] or 0) or 0
	local opts = json_object(fields[2]) or {}
	if queue_is_v5(q) then
		priority = 0 -- version 5 forgets it here
	end
	ready_push(q, id, priority, opts.lifo == true)
	redis.call('ZREM', q[from], id)
	redis.call('HDEL', key, 'finishedOn', 'processedOn',
		from == 'failed' and 'failedReason' or 'returnvalue')
	for _, counter in ipairs({ 'atm', 'ats' }) do
		if not resets or resets[counter] then
			redis.call('HDEL', key, counter)
		end
	end
	queue_wake(q)
	local parent = parent_of(q, key, queues)
	if parent then
		parent_child_back(parent, key, from)
	end
	queue_event_capped(q, 'waiting', 'jobId', id, 'prev', from)
	return 1
end
