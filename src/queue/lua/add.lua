-- add: stores N jobs and puts each where it waits, each on its own.
--
-- KEYS  the queue's (include/queue.lua)
-- ARGV  the queue's, then now, then for each job: id ('' for the next number),
--       name, data, opts, timestamp, delay, priority, is_lifo (1 or 0),
--       retries_failed (1 or 0), how many more arguments there are, and these
--       in pairs: `base` (of another queue), `dedup` (its id), `ttl`, `extends`,
--       `replaces`, `keeps`, `reschedules` (1), `parent_base`, `parent_id`,
--       `parent` (JSON), `children` (1: it waits for some), `flow` (1: all of
--       its flow is in this call), `rjk`
-- Returns a code and an id for each: 0 new; 1 the id was known, nothing
--       changed; 2 the id was known, had failed, and waits again; 3 not added,
--       the id is that of the job in its place; -5 no such parent, -7 the id
--       was known and has another parent (no id); -100 Redis refused, and what
--       it said. When it refused all: that error
--- @include dedup.lua

local N_FIELDS = 10
local NEW, KNOWN, RETRIED, DEDUPLICATED = 0, 1, 2, 3
local NO_PARENT, OTHER_PARENT, REFUSED = -5, -7, -100

local declared = queue_declared()
local now = tonumber(ARGV[4])
local queues = { [declared.base] = declared }
local parents = {} -- of flows, as they come
local n_refused, refusal = 0, nil

local function queue_of(base)
	if not queues[base] then
		queues[base] = queue_at(base, declared)
	end
	return queues[base]
end

local function read_parent(j, more)
	if not more.parent_base then
		return nil
	end
	local parent = { q = queue_of(more.parent_base), id = more.parent_id,
		key = more.parent_base .. ':' .. more.parent_id }
	if j.is_in_flow and not queue_is_v5(j.q) then
		if not parents[parent.key] then
			parents[parent.key] = parent
			parents[#parents + 1] = parent
		end
		parent = parents[parent.key]
	end
	j.parent_key, j.parent = parent.key, more.parent
	return parent
end

local function read_dedup(more)
	return more.dedup and {
		id = more.dedup, ttl = tonumber(more.ttl) or 0,
		extends = more.extends, keeps = more.keeps,
		replaces = more.replaces and not more.children,
		reschedules = more.reschedules,
	}
end

local function read(i)
	local more = {}
	for k = i + N_FIELDS, i + N_FIELDS + tonumber(ARGV[i + N_FIELDS - 1]) - 1, 2 do
		more[ARGV[k]] = ARGV[k + 1]
	end
	local j = {
		q = more.base and queue_of(more.base) or declared,
		id = ARGV[i], name = ARGV[i + 1], data = ARGV[i + 2],
		opts = ARGV[i + 3], timestamp = ARGV[i + 4],
		delay = tonumber(ARGV[i + 5]), priority = tonumber(ARGV[i + 6]),
		is_lifo = ARGV[i + 7] == '1', retries_failed = ARGV[i + 8] == '1',
		has_children = more.children ~= nil, rjk = more.rjk,
		deid = more.dedup, dedup = read_dedup(more),
		is_in_flow = more.flow ~= nil,
	}
	j.waits_for = read_parent(j, more)
	return j
end

-- A known job gets the parent if it has none that lives. One that has completed
-- is told to the parent at once.
local function adopt(q, j, parent)
	local key = job_key(q, j.id)
	local had = redis.call('HGET', key, 'parentKey')
	if had and had ~= '' and had ~= parent.key then
		if redis.call('EXISTS', had) == 1 then
			return OTHER_PARENT
		end
		if queue_is_v5(q) then
			return 0 -- it keeps the one that is gone
		end
	end
	if redis.call('ZSCORE', q.completed, j.id) then
		redis.call('HSET', parent.key .. ':processed', key,
			redis.call('HGET', key, 'returnvalue') or 'null')
		if not parents[parent.key] and not parent_has_pending(parent) then
			parent.now = tonumber(j.timestamp)
			parent_free(parent)
		end
	else
		redis.call('SADD', parent.key .. ':dependencies', key)
	end
	redis.call('HSET', key, 'parentKey', j.parent_key, 'parent', j.parent)
	return 0
end

local function add_known(q, j)
	if j.retries_failed and job_reprocess(q, j.id, 'failed', queues) == 1 then
		return RETRIED
	end
	if j.waits_for then
		local code = adopt(q, j, j.waits_for)
		if code ~= 0 then
			return code
		end
	end
	queue_event_capped(q, 'duplicated', 'jobId', j.id)
	return KNOWN
end

local function add_new(q, j)
	local place = add_put(q, j, tonumber(j.timestamp))
	if j.waits_for then
		redis.call('SADD', j.waits_for.key .. ':dependencies',
			job_key(q, j.id))
	end
	q.has_ready = q.has_ready or place == 'ready'
	return NEW
end

local function add_to_queue(q, j)
	if j.waits_for and redis.call('EXISTS', j.waits_for.key) == 0 then
		return NO_PARENT
	end
	local n = redis.call('INCR', q.id)
	queue_max_events(q)
	if j.id == '' then
		j.id = tostring(n)
	elseif redis.call('HLEN', job_key(q, j.id)) > 0 then
		return add_known(q, j)
	end
	if not j.dedup then
		return add_or_undo(q, j.id, add_new, q, j)
	end
	local owner = dedup_owner(q, j.dedup, j)
	if owner then
		j.id = owner
		return DEDUPLICATED
	end
	local ok, code = pcall(add_or_undo, q, j.id, add_new, q, j)
	if not ok then
		redis.pcall('DEL', dedup_key(q, j.dedup.id))
		error(code, 0)
	end
	return code
end

local function add(i)
	local j = read(i)
	local ok, code = pcall(add_to_queue, j.q, j)
	if j.waits_for and (not ok or code < 0) then
		j.waits_for.has_lost_child = true
	end
	if not ok then
		error(code, 0)
	end
	return code, code < 0 and '' or j.id
end

-- What one comes to is nothing to the others.
local function add_alone(i)
	local ok, code, id = pcall(add, i)
	if ok then
		return code, id
	end
	n_refused = n_refused + 1
	refusal = refusal or add_refusal_text(code)
	return REFUSED, add_refusal_text(code)
end

-- A flow is whole now: a parent that waits for nothing in it may run, but not one
-- that did not get all its children.
local function free_parent(parent)
	if not parent.has_lost_child and not parent_has_pending(parent) then
		parent.now = now
		parent_free(parent)
	end
end

local result = {}
local i = 5
while i <= #ARGV do
	local code, id = add_alone(i)
	result[#result + 1] = code
	result[#result + 1] = id
	i = i + N_FIELDS + tonumber(ARGV[i + N_FIELDS - 1])
end
for _, q in pairs(queues) do
	if q.has_ready then
		pcall(queue_wake, q) -- they are stored, told or not
	end
end
for _, parent in ipairs(parents) do
	pcall(free_parent, parent)
end
if n_refused * 2 == #result then
	return { err = refusal }
end
return result
