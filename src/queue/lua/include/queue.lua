-- queue: a queue as a table of its key names, and what every script asks of it:
-- its settings, whether jobs may be taken, its events, its wake-up marker.
--
-- Every script of this folder gets the same keys in the same order, so that
-- all static keys are declared; keys of jobs are built from the base. The same
-- table can be made for a parent's queue, whose keys nobody could declare.
-- Settings are read once per script and queue.
--- @keys 17

local SUFFIXES = {
	'wait', 'active', 'prioritized', 'delayed', 'paused', 'completed',
	'failed', 'waiting-children', 'meta', 'events', 'marker', 'pc', 'id',
	'limiter', 'stalled', 'stalled-check', 'repeat',
}

-- The states that are lists.
local IS_LIST = { wait = true, active = true, paused = true }

-- The queue whose keys were declared. Every script is called with its base,
-- the cap of its events and the level of BullMQ to be compatible with ('5',
-- '6', or '0': what the queue shows); a script's own arguments follow.
local function queue_declared()
	local q = { base = ARGV[1], default_max_events = ARGV[2],
		level = ARGV[3] }
	for i, suffix in ipairs(SUFFIXES) do
		q[suffix] = KEYS[i]
	end
	return q
end

-- Another queue of the same fleet, by the base of its keys.
local function queue_at(base, fleet)
	local q = { base = base, level = fleet.level,
		default_max_events = fleet.default_max_events }
	for _, suffix in ipairs(SUFFIXES) do
		q[suffix] = base .. ':' .. suffix
	end
	return q
end

local function job_key(q, id)
	return q.base .. ':' .. id
end

local IS_SUFFIX = {}
for _, suffix in ipairs(SUFFIXES) do
	IS_SUFFIX[suffix] = true
end

-- Is what should be a job's id the name of a key of the queue itself? A
-- scheduler's record is a hash like a job, and looks like one by name.
local function queue_has_key(q, id)
	local scheduler = string.match(id, '^repeat:(.*)$')
	return IS_SUFFIX[id] or string.find(id, '^d[en]:')
		or string.find(id, '^metrics:') or (scheduler and type(
			redis.pcall('ZSCORE', q['repeat'], scheduler)) == 'string')
end

-- Does the key hold something else than a hash? Then the id names no job. Asked,
-- and not concluded from a refusal: Redis refuses for want of memory too.
local function job_is_none(key)
	local kind = redis.call('TYPE', key).ok
	return kind ~= 'hash' and kind ~= 'none'
end

-- One more in a job's counter; one that is no whole number is counted anew.
local function job_count(key, field)
	local n = redis.pcall('HINCRBY', key, field, 1)
	if type(n) == 'table' then
		redis.call('HSET', key, field, 1)
		n = 1
	end
	return n
end

local function queue_settings(q)
	if not q.settings then
		local m = redis.call('HMGET', q.meta, 'paused', 'concurrency',
			'max', 'duration', 'version')
		q.settings = {
			is_paused = m[1] ~= false,
			concurrency = tonumber(m[2] or nil),
			max = tonumber(m[3] or nil),
			duration = tonumber(m[4] or nil),
			version = m[5] or '',
		}
	end
	return q.settings
end

-- How many events the stream keeps; a queue that does not say learns it.
local function queue_max_events(q)
	if not q.max_events then
		local max = redis.call('HGET', q.meta, 'opts.maxLenEvents')
		if not max then
			max = q.default_max_events
			redis.call('HSET', q.meta, 'opts.maxLenEvents', max)
		end
		q.max_events = max
	end
	return q.max_events
end

-- Paused, or as many jobs active as the whole fleet may have?
local function queue_is_busy(q)
	local s = queue_settings(q)
	if s.is_paused then
		return true
	end
	return s.concurrency ~= nil
		and redis.call('LLEN', q.active) >= s.concurrency
end

-- Milliseconds for which nothing may be taken, 0 for none. worker_max: of the
-- taker's own limiter; the queue's goes before it.
local function queue_limited_ms(q, worker_max)
	local max = queue_settings(q).max or worker_max
	if not max then
		return 0
	end
	local n = tonumber(redis.call('GET', q.limiter) or 0) or 0
	if n < max then
		return 0
	end
	local ttl = redis.call('PTTL', q.limiter)
	if ttl == 0 then
		redis.call('DEL', q.limiter)
	end
	return ttl > 0 and ttl or 0
end

-- Is this to look as if version 5 had done it?
local function queue_is_v5(q)
	if q.level ~= '0' then
		return q.level == '5'
	end
	return string.sub(queue_settings(q).version, 1, 8) == 'bullmq:5'
end

-- The list new ready jobs go to. Version 5 keeps them apart while paused, and
-- its resume overwrites `wait`: where it may be the one to resume, we do as it
-- does.
local function queue_ready(q)
	if not q.ready then
		local s = queue_settings(q)
		q.ready = q.wait
		if s.is_paused and (queue_is_v5(q) or (q.level == '0'
			and redis.call('EXISTS', q.paused) == 1)) then
			q.ready = q.paused
		end
	end
	return q.ready
end

local function queue_wake(q)
	if not queue_is_busy(q) then
		redis.call('ZADD', q.marker, 0, '0')
	end
end

-- The due time in ms of the first delayed job (maybe fractional), or nil.
local function queue_next_due(q)
	local head = redis.call('ZRANGE', q.delayed, 0, 0, 'WITHSCORES')
	if #head == 0 then
		return nil
	end
	return tonumber(head[2]) / 4096
end

-- Tells sleepers when the first delayed job is due.
local function queue_wake_at_due(q)
	local due = queue_next_due(q)
	if due then
		redis.call('ZADD', q.marker, due, '1')
	end
end

-- Events: some are written with the stream's cap, some without; which is which
-- is part of the format.
local function queue_event(q, ...)
	redis.call('XADD', q.events, '*', 'event', ...)
end

local function queue_event_capped(q, ...)
	redis.call('XADD', q.events, 'MAXLEN', '~', queue_max_events(q), '*',
		'event', ...)
end

-- An id whose key holds no hash: nobody could run, finish or show it. It has
-- left `prev`, and the events say so.
local function queue_forget(q, id, prev)
	queue_event_capped(q, 'removed', 'jobId', id, 'prev', prev)
end

local function queue_trim_events(q)
	if not q.is_trimmed then
		redis.call('XTRIM', q.events, 'MAXLEN', '~', queue_max_events(q))
		q.is_trimmed = true
	end
end
