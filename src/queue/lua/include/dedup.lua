-- dedup: of jobs with one deduplication id the queue holds one, the id's owner.
--
-- `de:<id>` names the owner, with a time to live where the id is taken for a time
-- and not for the owner's life. `dn:<id>` is the newest job that came while the
-- owner was active and is to follow it: a job not yet made.
--- @include add.lua

local function dedup_key(q, deid)
	return q.base .. ':de:' .. deid
end

local function dedup_newest_key(q, deid)
	return q.base .. ':dn:' .. deid
end

local function dedup_set(q, d, id)
	if d.ttl > 0 and not d.keeps then
		redis.call('SET', dedup_key(q, d.id), id, 'PX', d.ttl)
	else
		redis.call('SET', dedup_key(q, d.id), id)
	end
end

local function dedup_tell(q, d, kept, dropped)
	if queue_is_v5(q) then
		queue_event_capped(q, 'debounced', 'jobId', kept,
			'debounceId', d.id)
	end
	queue_event_capped(q, 'deduplicated', 'jobId', kept,
		'deduplicationId', d.id, 'deduplicatedJobId', dropped)
end

-- Would Redis take a job that is ready or delayed? Asked before another one is
-- removed for its sake.
local function dedup_check_room(q, j)
	local key, kind = queue_ready(q), 'list'
	if j.delay > 0 then
		key, kind = q.delayed, 'zset'
	elseif j.priority > 0 then
		key, kind = q.prioritized, 'zset'
	end
	for name, wanted in pairs({ [key] = kind, [q.events] = 'stream' }) do
		local found = redis.call('TYPE', name).ok
		if found ~= wanted and found ~= 'none' then
			error({ err = 'WRONGTYPE ' .. name .. ' is a ' .. found })
		end
	end
end

-- The job takes the place of a delayed owner.
local function dedup_replace(q, d, j, owner)
	local key = dedup_key(q, d.id)
	dedup_check_room(q, j)
	redis.call('ZREM', q.delayed, owner)
	job_remove(q, owner)
	queue_event(q, 'removed', 'jobId', owner, 'prev', 'delayed')
	dedup_tell(q, d, j.id, owner)
	if d.extends or d.ttl == 0 or d.keeps then
		dedup_set(q, d, j.id)
	else
		local left = redis.call('PTTL', key)
		redis.call('SET', key, j.id)
		if left > 0 then
			redis.call('PEXPIRE', key, left)
		end
	end
	if not queue_is_v5(q) then
		redis.call('DEL', dedup_newest_key(q, d.id))
	end
end

-- The job is kept, not made, until the owner ends.
local function dedup_keep_newest(q, d, j, owner)
	local key = dedup_newest_key(q, d.id)
	local fields = { 'name', j.name, 'data', j.data, 'opts', j.opts,
		'jid', j.id }
	if j.rjk then
		fields[#fields + 1] = 'rjk'
		fields[#fields + 1] = j.rjk
	end
	redis.call('DEL', key)
	redis.call('HSET', key, unpack(fields))
	redis.call('PERSIST', dedup_key(q, d.id))
	dedup_tell(q, d, owner, j.id)
end

local function dedup_reschedule(q, j, owner)
	local due = ready_delay(q, owner, tonumber(j.timestamp), j.delay)
	redis.call('HSET', job_key(q, owner), 'delay', j.delay)
	queue_event_capped(q, 'delayed', 'jobId', owner, 'delay', due)
	queue_wake_at_due(q)
end

-- An id is stale when its owner was removed by hand, and nothing will free it.
local function dedup_is_stale(q, d, owner)
	return not queue_is_v5(q)
		and redis.call('PTTL', dedup_key(q, d.id)) == -1
		and redis.call('EXISTS', job_key(q, owner)) == 0
end

-- Before j is added: the owner whose place it would take, or nil when j is the
-- owner now. d: id, ttl (0 for none), extends, replaces, keeps, reschedules.
local function dedup_owner(q, d, j)
	local owner = redis.call('GET', dedup_key(q, d.id))
	if not owner then
		dedup_set(q, d, j.id)
		return nil
	end
	local is_delayed = redis.call('ZSCORE', q.delayed, owner)
	if d.replaces and is_delayed then
		dedup_replace(q, d, j, owner)
		return nil
	end
	if dedup_is_stale(q, d, owner) then
		redis.call('DEL', dedup_newest_key(q, d.id))
		dedup_set(q, d, j.id)
		return nil
	end
	if d.keeps and redis.call('LPOS', q.active, owner) then
		dedup_keep_newest(q, d, j, owner)
	elseif not d.replaces then
		if d.extends and d.ttl > 0 then
			dedup_set(q, d, owner)
		end
		dedup_tell(q, d, owner, j.id)
		if d.reschedules and is_delayed and not queue_is_v5(q)
			and job_exists(q, owner) then
			dedup_reschedule(q, j, owner)
		end
	end
	return owner
end

-- What came while the owner was active becomes a job.
local function dedup_add_newest(q, deid, now)
	local key = dedup_newest_key(q, deid)
	local kept = redis.call('HMGET', key, 'name', 'data', 'opts', 'jid',
		'pk', 'pd', 'pdk', 'rjk')
	if not kept[1] then
		return
	end
	local n = redis.call('INCR', q.id)
	local opts = json_object(kept[3]) or {}
	local de = type(opts.de) == 'table' and opts.de or {}
	local j = {
		id = kept[4] and kept[4] ~= '' and kept[4] or tostring(n),
		name = kept[1], data = kept[2] or '{}', opts = kept[3] or '{}',
		timestamp = now, delay = tonumber(opts.delay) or 0,
		priority = tonumber(opts.priority) or 0,
		is_lifo = opts.lifo == true,
		parent_key = kept[5], parent = kept[6], rjk = kept[8],
		deid = deid,
	}
	queue_max_events(q)
	if add_job(q, j, now) == 'ready' then
		queue_wake(q)
	end
	dedup_set(q, { id = deid, ttl = tonumber(de.ttl) or 0,
		keeps = de.keepLastIfActive == true }, j.id)
	if kept[7] and kept[7] ~= '' then
		redis.call('SADD', kept[7], job_key(q, j.id))
	end
	redis.call('DEL', key)
end

-- The id is free again when its owner ends, unless it is taken for a time.
local function dedup_release(q, id, now)
	local deid = redis.call('HGET', job_key(q, id), 'deid')
	if not deid then
		return
	end
	local key = dedup_key(q, deid)
	local ttl = redis.call('PTTL', key)
	if ttl == 0 or (ttl == -1 and redis.call('GET', key) == id) then
		redis.call('DEL', key)
	end
	dedup_add_newest(q, deid, now)
end
