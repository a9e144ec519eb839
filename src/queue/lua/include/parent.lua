-- parent: what a job that ends, or comes back, means to the job that waits for
-- it, in whichever queue that one lives.
--- @include ready.lua

local function json_object(text)
	if not text then
		return nil
	end
	local ok, value = pcall(cjson.decode, text)
	if ok and type(value) == 'table' then
		return value
	end
	return nil
end

-- The parent of a job as {q, id, key, flags}, or nil. Parents' queues are kept
-- in `queues` (by base), so that a batch reads their settings once.
local function parent_of(q, key, queues)
	local fields = redis.call('HMGET', key, 'parentKey', 'parent')
	local parent_key = fields[1]
	if not parent_key or parent_key == '' then
		return nil
	end
	local flags = json_object(fields[2]) or {}
	local base, id = flags.queueKey, flags.id
	if type(base) ~= 'string' or type(id) ~= 'string' then
		base, id = string.match(parent_key, '^(.*):([^:]*)$')
		if not base then
			return nil
		end
	end
	if not queues[base] then
		queues[base] = base == q.base and q or queue_at(base, q)
	end
	return { q = queues[base], id = id, key = parent_key, flags = flags }
end

-- Among the ready jobs of its queue, or among the delayed ones: then its due time.
local function parent_push(parent)
	local fields = redis.call('HMGET', parent.key, 'delay', 'priority')
	local delay = tonumber(fields[1] or 0) or 0
	local priority = tonumber(fields[2] or 0) or 0
	if delay > 0 then
		local due = parent.now + delay
		redis.call('ZADD', parent.q.delayed, due * DUE_STEP, parent.id)
		return due
	end
	ready_push(parent.q, parent.id, priority, true)
	return nil
end

-- Next in turn, whatever its own delay and priority are.
local function parent_push_first(parent)
	redis.call('RPUSH', queue_ready(parent.q), parent.id)
end

-- Lets the parent run if it is in `from`, a sorted set of its queue.
local function parent_leave(parent, from, push)
	local q = parent.q
	local was_there, due = ready_move(q[from], parent.id, push, parent)
	if was_there and due then
		queue_event(q, 'delayed', 'jobId', parent.id, 'delay', due)
		queue_wake_at_due(q)
	elseif was_there then
		queue_wake(q)
		queue_event(q, 'waiting', 'jobId', parent.id, 'prev',
			'waiting-children')
	end
end

-- Lets the parent run if it waits for its children.
local function parent_free(parent)
	parent_leave(parent, 'waiting-children', parent_push)
end

local function parent_drop_dependency(parent, key)
	return redis.call('SREM', parent.key .. ':dependencies', key) == 1
end

local function parent_has_pending(parent)
	return redis.call('SCARD', parent.key .. ':dependencies') ~= 0
end

local function parent_child_completed(parent, key, value)
	if not parent_drop_dependency(parent, key) then
		return
	end
	redis.call('HSET', parent.key .. ':processed', key, value)
	if not parent_has_pending(parent) then
		parent_free(parent)
	end
end

-- The child's failure fails the parent too: the parent gets a deferred failure
-- and runs into it when it is taken next.
local function parent_fail(parent, key, now)
	local q = parent.q
	redis.call('ZADD', parent.key .. ':unsuccessful', now, key)
	if redis.call('EXISTS', parent.key) == 0 then
		return
	end
	local reason = 'child ' .. key .. ' failed'
	if redis.call('ZSCORE', q['waiting-children'], parent.id) then
		redis.call('HSET', parent.key, 'defa', reason)
		parent_free(parent)
	elseif redis.call('ZSCORE', q.delayed, parent.id) then
		redis.call('HSET', parent.key, 'delay', 0, 'defa', reason)
		parent_leave(parent, 'delayed', parent_push)
	elseif not redis.call('ZSCORE', q.failed, parent.id) then
		redis.call('HSET', parent.key, 'defa', reason)
	end
end

-- What the child's failure does: fails the parent, lets it continue, is
-- ignored, or is forgotten.
local function parent_flags(parent)
	local flags = parent.flags
	return flags.fpof == true, flags.cpof == true, flags.idof == true,
		flags.rdof == true
end

local function parent_child_failed(parent, key, reason, now)
	local fails, continues, ignored, removed = parent_flags(parent)
	if not (fails or continues or ignored or removed) then
		return -- the parent goes on waiting for this child
	end
	if not parent_drop_dependency(parent, key) then
		return
	end
	if fails then
		parent_fail(parent, key, now)
		return
	end
	if continues or ignored then
		redis.call('HSET', parent.key .. ':failed', key, reason)
	end
	if continues or not parent_has_pending(parent) then
		parent_free(parent)
	end
end

-- A child that leaves without a trace must not be waited for. Its parent is
-- next in turn then, whatever its own delay and priority are.
local function parent_child_gone(parent, key)
	if parent_drop_dependency(parent, key)
		and not parent_has_pending(parent) then
		parent_leave(parent, 'waiting-children', parent_push_first)
	end
end

-- A finished child runs again: a parent that has noted this end of it waits for
-- it again.
local function parent_child_back(parent, key, from)
	if redis.call('EXISTS', parent.key) == 0 then
		return
	end
	local n_noted
	if from == 'completed' then
		n_noted = redis.call('HDEL', parent.key .. ':processed', key)
	else
		n_noted = redis.call('HDEL', parent.key .. ':failed', key)
			+ redis.call('ZREM', parent.key .. ':unsuccessful', key)
	end
	if n_noted > 0 then
		redis.call('SADD', parent.key .. ':dependencies', key)
	end
end
