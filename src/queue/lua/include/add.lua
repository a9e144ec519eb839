-- add: a job is stored and put where it waits, or nothing of it is left.
--- @include job.lua

local function add_refusal_text(refusal)
	return type(refusal) == 'table' and refusal.err or tostring(refusal)
end

-- A hash in no list would make the next try a duplicate that never runs.
local function add_undo(q, id)
	for _, list in ipairs({ q.wait, q.paused }) do
		redis.pcall('LREM', list, 1, id)
	end
	for _, set in ipairs({ q.delayed, q.prioritized,
		q['waiting-children'] }) do
		redis.pcall('ZREM', set, id)
	end
	job_remove(q, id)
end

-- Runs step(...), which makes the job `id`; what Redis refuses is undone and
-- raised again.
local function add_or_undo(q, id, step, ...)
	local ok, result = pcall(step, ...)
	if not ok then
		add_undo(q, id)
		error(result, 0)
	end
	return result
end

local function add_put(q, j, now)
	job_store(q, j)
	if j.has_children then
		redis.call('ZADD', q['waiting-children'], now, j.id)
		queue_event_capped(q, 'waiting-children', 'jobId', j.id)
		return 'waiting'
	end
	local place = job_enqueue(q, j, now)
	if place == 'delayed' then
		queue_wake_at_due(q)
	end
	return place
end

-- j: as in job_store, and is_lifo, has_children. Returns 'ready' (the caller
-- wakes), 'delayed', or 'waiting' for one that waits for its children.
local function add_job(q, j, now)
	return add_or_undo(q, j.id, add_put, q, j, now)
end
