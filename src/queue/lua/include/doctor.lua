-- doctor: what is wrong with one job, one lock, one deduplication id, one
-- parent: asked by the look and asked again by the repair, in whose script nothing
-- can change between the question and the deed.
--- @include dedup.lua

local LISTS = { 'active', 'wait', 'paused' }
local SETS = { 'prioritized', 'delayed', 'waiting-children', 'completed',
	'failed' }
local CHUNK = 1000
local NEAR = 10000       -- members at a list's left end: where new jobs come in
local BATCH = 200        -- asked about in one script
local CHILDREN_SOME = 50
local CHILDREN_MAX = 20000 -- of one parent: some 10 ms, when all are gone

-- What each static key must be.
local TYPES = {
	wait = 'list', active = 'list', paused = 'list', prioritized = 'zset',
	delayed = 'zset', completed = 'zset', failed = 'zset',
	['waiting-children'] = 'zset', meta = 'hash', events = 'stream',
	marker = 'zset', pc = 'string', id = 'string', limiter = 'string',
	stalled = 'set', ['stalled-check'] = 'string', ['repeat'] = 'zset',
	['metrics:completed'] = 'hash', ['metrics:failed'] = 'hash',
	['metrics:completed:data'] = 'list', ['metrics:failed:data'] = 'list',
}

local function type_of(key)
	return redis.call('TYPE', key).ok
end

-- What stands in the place of a key of the queue: its type, or nil when it is
-- as it should be, or absent.
local function wrong_type(q, suffix)
	local wanted = TYPES[suffix]
	if not wanted and string.sub(suffix, 1, 3) == 'de:' then
		wanted = 'string'
	elseif not wanted and string.sub(suffix, 1, 3) == 'dn:' then
		wanted = 'hash'
	end
	local kind = type_of(q.base .. ':' .. suffix)
	if wanted and kind ~= 'none' and kind ~= wanted then
		return kind
	end
	return nil
end

-- How many members of lists Redis has walked along for this script, and how many
-- of these to answer for all its ids at once.
local n_visited, n_indexed = 0, 0

-- Has the script done its part? Where the lists are long, that they were walked
-- along is what costs: then all ids it was asked about are worth it.
local function is_enough(n, max_visited)
	return n_indexed <= max_visited
		and (n >= BATCH or n_visited > max_visited)
end

-- LPOS came with Redis 6.0.6.
local function list_positions_by_hand(key, id, n)
	local at, first = {}, 0
	repeat
		local ids = redis.call('LRANGE', key, first, first + CHUNK - 1)
		for i, other in ipairs(ids) do
			if other == id and #at < n then
				at[#at + 1] = first + i - 1
			end
		end
		first = first + #ids
	until #ids < CHUNK or #at == n
	return at
end

-- How often a list holds an id, counted up to n.
local function list_count(key, id, n)
	local at = redis.pcall('LPOS', key, id, 'COUNT', n)
	if at.err then
		at = list_positions_by_hand(key, id, n)
	end
	n_visited = n_visited + (#at == n and at[n] or redis.call('LLEN', key))
	return #at
end

local function is_near(key, id)
	n_visited = n_visited + NEAR
	local at = redis.pcall('LPOS', key, id, 'MAXLEN', NEAR)
	if type(at) ~= 'table' then
		return at ~= false
	end
	for _, other in ipairs(redis.call('LRANGE', key, 0, NEAR - 1)) do
		if other == id then
			return true
		end
	end
	return false
end

-- Calls fn(state, position, id) for all members of the lists that are in `wanted`.
-- fn may change a member, but not how many there are.
local function each_listed(q, wanted, fn)
	for _, state in ipairs(LISTS) do
		local first = 0
		repeat
			local ids = redis.call('LRANGE', q[state], first,
				first + CHUNK - 1)
			for i, id in ipairs(ids) do
				if wanted[id] then
					fn(state, first + i - 1, id)
				end
			end
			first = first + #ids
		until #ids < CHUNK
		n_indexed = n_indexed + first
	end
end

-- Which ids of those the script was asked about are in which list, once it has met
-- one that is in none: to look for many such, each along whole lists, would take
-- Redis minutes. From the first argument of `first` on, every `step`th is an id.
local index, asked

local function index_of(first, step)
	asked = {}
	for i = first, #ARGV, step do
		asked[ARGV[i]] = true
	end
end

-- After any change of a list but by a new id.
local function index_forget()
	index = nil
end

local function is_listed(q, id, states)
	if not index then
		for _, state in ipairs(states) do
			if is_near(q[state], id) then
				return true
			end
		end
		index = { wait = {}, paused = {}, active = {} }
		each_listed(q, asked, function(state, _, other)
			index[state][other] = true
		end)
	end
	for _, state in ipairs(states) do
		if index[state][id] then
			return true
		end
	end
	return false
end

-- The states an id is in; one twice when a list holds it twice.
local function places_of(q, id)
	local places = {}
	for _, state in ipairs(SETS) do
		if redis.call('ZSCORE', q[state], id) then
			places[#places + 1] = state
		end
	end
	for _, state in ipairs(LISTS) do
		for _ = 1, list_count(q[state], id, 2) do
			places[#places + 1] = state
		end
	end
	return places
end

local function is_placed(q, id)
	for _, state in ipairs(SETS) do
		if redis.call('ZSCORE', q[state], id) then
			return true
		end
	end
	return is_listed(q, id, LISTS)
end

local function is_in_set(q, state, id)
	return redis.call('ZSCORE', q[state], id) ~= false
end

local function is_finished(q, id)
	return is_in_set(q, 'completed', id) or is_in_set(q, 'failed', id)
end

-- A key under our base may be that of a queue whose prefix is our base:
-- "bull:a" and "b" share "bull:a:b:1" with "bull" and "a".
local function is_of_other_queue(q, id)
	local inner = string.match(id, '^(.*):[^:]*$')
	if not inner or string.sub(id, 1, 7) == 'repeat:' then
		return false
	end
	return redis.call('EXISTS', q.base .. ':' .. inner .. ':meta',
		q.base .. ':' .. inner .. ':id') > 0
end

-- ---- jobs ----

-- Asked where the value may be megabytes.
local function has_field(key, name)
	return redis.call('HEXISTS', key, name) == 1
end

-- Where a job that is in no state belongs, by its own fields: the state, and for
-- 'delayed' when it is due.
local function home_of(key, now)
	local f = redis.call('HMGET', key, 'finishedOn', 'delay', 'timestamp',
		'processedOn', 'priority')
	if f[1] then
		local has_failed = has_field(key, 'failedReason')
			and not has_field(key, 'returnvalue')
		return has_failed and 'failed' or 'completed',
			tonumber(f[1]) or now
	end
	local n = redis.pcall('SCARD', key .. ':dependencies')
	if type(n) == 'number' and n > 0 then
		return 'waiting-children', now
	end
	local delay = tonumber(f[2] or nil) or 0
	local due = (tonumber(f[4] or nil) or tonumber(f[3] or nil) or 0) + delay
	if delay > 0 and due > now then
		return 'delayed', due
	end
	return (tonumber(f[5] or nil) or 0) > 0 and 'prioritized' or 'wait', now
end

-- An id that was met twice.
local function double_trouble(q, id)
	if type_of(job_key(q, id)) ~= 'hash' then
		return nil -- ghosts are found where they are listed
	end
	local places = places_of(q, id)
	if #places > 1 then
		return 'double', table.concat(places, ' ')
	end
	return nil
end

-- A key that was met, but not its id: its kind of trouble, with a detail; nil
-- when it is well. Third: what orphans are put back in the order of.
local function orphan_trouble(q, id, now)
	local key = job_key(q, id)
	if type_of(key) ~= 'hash' or is_of_other_queue(q, id) then
		return nil
	end
	local timestamp = redis.call('HGET', key, 'timestamp')
	local is_job = timestamp and has_field(key, 'data')
	if not is_job and string.sub(id, 1, 7) == 'repeat:' then
		return nil -- a scheduler's own record
	end
	if is_job and redis.call('EXISTS', key .. ':lock') == 1 then
		return nil -- somebody holds it; the lock ends first
	end
	if is_placed(q, id) then
		return nil
	end
	if not is_job then
		return 'fragment', ''
	end
	return 'orphan', (home_of(key, now)), timestamp
end

local function lock_trouble(q, id)
	local lock = job_key(q, id) .. ':lock'
	local ttl = redis.call('PTTL', lock)
	if ttl == -2 or list_count(q.active, id, 1) > 0 then
		return nil
	end
	return ttl == -1 and 'lock' or 'fading_lock', tostring(ttl)
end

-- An active job without lock; the detail is its worker's name, a blank, and when
-- it was started.
local function active_trouble(q, id)
	local key = job_key(q, id)
	if redis.call('EXISTS', key .. ':lock') == 1 then
		return nil
	end
	local f = redis.call('HMGET', key, 'processedOn', 'pb')
	return 'lockless', (f[1] or '0') .. ' ' .. (f[2] or '')
end

-- A parent that waits for nobody: no dependency is left, or none whose job is
-- there. A flow is put together in more steps than one, so it has its time.
local FLOW_MS = 60000

local function has_key(keys)
	for _, key in ipairs(keys) do
		if redis.call('EXISTS', key) == 1 then
			return true
		end
	end
	return false
end

local function parent_trouble(q, id, entered, now)
	if now - entered < FLOW_MS then
		return nil
	end
	local dependencies = job_key(q, id) .. ':dependencies'
	local n = redis.pcall('SCARD', dependencies)
	if type(n) ~= 'number' or n > CHILDREN_MAX then
		return nil
	end
	-- of many, some are asked first: where one is there, it soon turns up
	if n > CHILDREN_SOME and has_key(redis.call('SRANDMEMBER',
		dependencies, CHILDREN_SOME))
		or has_key(redis.call('SMEMBERS', dependencies)) then
		return nil
	end
	return 'parent', tostring(n)
end

-- ---- deduplication ----

-- Does a job own the deduplication id that will give it back at its end?
local function dedup_owner(q, deid)
	local owner = redis.call('GET', q.base .. ':de:' .. deid)
	if owner and redis.call('EXISTS', job_key(q, owner)) == 1
		and not is_finished(q, owner) then
		return owner
	end
	return nil
end

local function dedup_trouble(q, deid)
	local kind = wrong_type(q, 'de:' .. deid)
	if kind then
		return 'wrongtype', kind
	end
	local key = q.base .. ':de:' .. deid
	-- one with a time to live outlives its owner on purpose
	if redis.call('PTTL', key) ~= -1 or dedup_owner(q, deid) then
		return nil
	end
	return 'dedup', redis.call('GET', key)
end

local function proto_trouble(q, deid)
	local kind = wrong_type(q, 'dn:' .. deid)
	if kind then
		return 'wrongtype', kind
	end
	if redis.call('EXISTS', q.base .. ':dn:' .. deid) == 0
		or dedup_owner(q, deid) then
		return nil
	end
	return 'proto', ''
end
