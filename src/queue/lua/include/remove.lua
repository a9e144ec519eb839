-- remove: a job goes, and with it what the queue and its family know of it.
--
-- Two ways, as upstream has two. One job asked for by name is removed aloud: its
-- children may go too, an event tells of each, a parent that waited for it runs.
-- A sweep removes in silence: a parent in the same queue that waited for nothing
-- else goes as well, one in another queue runs.
--
-- Keys of a wrong type, made by a job id that nobody checked, hold nothing: a
-- removal passes them by, for it is what gets rid of such jobs.
--- @include job.lua

local SCHEDULED = -8
-- In a list, for the length of a script; to takers a mark of version 4, which they
-- would pass by.
local GONE = '0:gone'
local SCORED = { 'completed', 'waiting-children', 'delayed', 'failed',
	'prioritized' }
local LISTED = { 'active', 'wait', 'paused' }

-- What Redis answers, or nil where it refuses.
local function remove_try(...)
	local answer = redis.pcall(...)
	if type(answer) == 'table' and answer.err then
		return nil
	end
	return answer
end

local function remove_n(...)
	return tonumber(remove_try(...) or nil) or 0
end

-- The parts of a job's key, or nil: the queue and the id.
local function remove_split(key, q, queues)
	local base, id = string.match(key, '^(.*):([^:]*)$')
	if not base then
		return nil
	end
	if not queues[base] then
		queues[base] = base == q.base and q or queue_at(base, q)
	end
	return queues[base], id
end

-- Is the job the next (or the present) one of a scheduler?
local function remove_is_scheduled(q, id)
	local rjk = remove_try('HGET', job_key(q, id), 'rjk')
	local at = rjk and remove_try('ZSCORE', q['repeat'], rjk)
	return at and id == 'repeat:' .. rjk .. ':' .. at
end

-- Takes an id out of the state it is in, which is returned.
local function remove_from_state(q, id)
	for _, state in ipairs(SCORED) do
		if remove_n('ZREM', q[state], id) > 0 then
			return state
		end
	end
	for _, state in ipairs(LISTED) do
		if remove_n('LREM', q[state], 0, id) > 0 then
			return state
		end
	end
	return 'unknown'
end

-- The deduplication id is free if the job has it.
local function remove_deduplication(q, id)
	local deid = remove_try('HGET', job_key(q, id), 'deid')
	if deid and remove_try('GET', q.base .. ':de:' .. deid) == id then
		redis.call('DEL', q.base .. ':de:' .. deid,
			q.base .. ':dn:' .. deid)
	end
end

-- The parent, if it exists, waits for the child no longer. Is there nothing left
-- to wait for, and is it waiting?
local function remove_from_parent(parent, key)
	return remove_n('EXISTS', parent.key) == 1
		and remove_n('SREM', parent.key .. ':dependencies', key) == 1
		and remove_n('SCARD', parent.key .. ':dependencies') == 0
		and remove_try('ZSCORE', parent.q['waiting-children'],
			parent.id)
end

local function remove_release(parent)
	parent_leave(parent, 'waiting-children', parent_push_first)
end

local function remove_release_quietly(parent)
	ready_move(parent.q['waiting-children'], parent.id, parent_push_first,
		parent)
	queue_wake(parent.q)
end

local function remove_parent_of(q, key, queues)
	local ok, parent = pcall(parent_of, q, key, queues)
	return ok and parent or nil
end

-- A job's own keys, none of which may be one of the queue's: a job that was given
-- such an id never came to be.
local function remove_keys(q, id)
	if not queue_has_key(q, id) and not job_is_none(job_key(q, id)) then
		job_remove(q, id)
	end
end

-- In silence. The caller takes the id out of its list. Returns nothing: what
-- Redis refuses for a parent does not keep the job.
local function remove_quietly(q, id, queues)
	local key = job_key(q, id)
	local parent = remove_parent_of(q, key, queues)
	remove_deduplication(q, id)
	remove_keys(q, id)
	while parent and remove_from_parent(parent, key) do
		if parent.q.base ~= q.base then
			pcall(remove_release_quietly, parent)
			return
		end
		redis.call('ZREM', q['waiting-children'], parent.id)
		key = parent.key
		local grandparent = remove_parent_of(q, key, queues)
		remove_keys(q, parent.id)
		parent = grandparent
	end
end

-- Aloud. f: queues; remove_children, one of those below; spares, which says of a
-- child that it stays. parent: who asks for it, nil for whoever the job says.
local function remove_aloud(q, id, f, parent)
	local key = job_key(q, id)
	parent = parent or remove_parent_of(q, key, f.queues)
	if parent and remove_from_parent(parent, key) then
		pcall(remove_release, parent)
	end
	f.remove_children(q, id, f)
	local prev = remove_from_state(q, id)
	remove_deduplication(q, id)
	local existed = remove_n('EXISTS', key) == 1
	remove_keys(q, id)
	if existed then
		queue_event_capped(q, 'removed', 'jobId', id, 'prev', prev)
	end
end

local function remove_child(q, id, f, child)
	local child_q, child_id = remove_split(child, q, f.queues)
	if child_q and not f.spares(child_q, child_id) then
		remove_aloud(child_q, child_id, f,
			{ q = q, id = id, key = job_key(q, id) })
	end
end

local function remove_children_in(q, id, f, command, suffix, ...)
	local key = job_key(q, id) .. suffix
	for _, child in ipairs(remove_try(command, key, ...) or {}) do
		remove_child(q, id, f, child)
	end
end

local function remove_no_children()
end

local function remove_pending_children(q, id, f)
	remove_children_in(q, id, f, 'SMEMBERS', ':dependencies')
end

local function remove_all_children(q, id, f)
	remove_children_in(q, id, f, 'HKEYS', ':processed')
	remove_children_in(q, id, f, 'HKEYS', ':failed')
	remove_children_in(q, id, f, 'ZRANGE', ':unsuccessful', 0, -1)
	remove_pending_children(q, id, f)
end

-- Looks at a job and all below it before anything is changed: true when it, or
-- one that it is still waiting for, is locked; what is below a child that has
-- ended does not count. Raises an error when there are more than
-- `max` (one that is named twice counts twice), or they are nested too deep for the
-- one who removes them.
local DEPTH_MAX = 1000

local function remove_survey(q, id, queues, max, with_children)
	local seen, n = {}, 1
	local is_locked = false
	local look

	-- counted before they are read: a set may hold millions
	local function look_at(job_q, key, depth, is_pending, count, command,
		suffix, ...)
		n = n + remove_n(count, key .. suffix)
		if n > max or depth >= DEPTH_MAX then
			error({ err = 'ERR the family of job ' .. id
				.. ' is too large' })
		end
		local children = remove_try(command, key .. suffix, ...)
		for _, child in ipairs(children or {}) do
			local child_q, child_id =
				remove_split(child, job_q, queues)
			if child_q then
				look(child_q, child_id, depth + 1, is_pending)
			end
		end
	end

	look = function(job_q, job_id, depth, is_pending)
		local key = job_key(job_q, job_id)
		if seen[key] == 'pending' or (seen[key] and not is_pending) then
			return
		end
		seen[key] = is_pending and 'pending' or 'ended'
		is_locked = is_locked or (is_pending
			and remove_n('EXISTS', key .. ':lock') == 1)
		if not with_children then
			return
		end
		look_at(job_q, key, depth, is_pending, 'SCARD', 'SMEMBERS',
			':dependencies')
		look_at(job_q, key, depth, false, 'HLEN', 'HKEYS', ':processed')
		look_at(job_q, key, depth, false, 'HLEN', 'HKEYS', ':failed')
		look_at(job_q, key, depth, false, 'ZCARD', 'ZRANGE',
			':unsuccessful', 0, -1)
	end

	look(q, id, 0, true)
	return is_locked
end
