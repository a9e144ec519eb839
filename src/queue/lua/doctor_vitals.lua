-- doctor_vitals: a queue at a glance.
--
-- KEYS  the queue's (include/queue.lua)
-- ARGV  the queue's, then 'since' to search the events for the last pause
-- Returns Redis's own time in ms; meta's version; n and n pairs of a key that has a wrong
--       type: suffix, its type; then, all empty texts when a key of those below
--       has a wrong type: the lengths of wait, paused, active, prioritized,
--       delayed, waiting-children, completed, failed, repeat; is paused, is at
--       its limit of active jobs, ms for which a rate limit holds, has a base
--       marker; the id next in turn, its timestamp, when the first
--       delayed job is due, when it was paused (0: not known), the counter of ids
--- @include doctor.lua

local EVENTS_MAX = 1000 -- newest, that are searched for a pause

local q = queue_declared()
local time = redis.call('TIME')
local version = redis.pcall('HGET', q.meta, 'version')
local result = { time[1] * 1000 + math.floor(time[2] / 1000),
	type(version) == 'string' and version or '', 0 }
local is_judged = { wait = 1, paused = 1, active = 1, prioritized = 1,
	delayed = 1, ['waiting-children'] = 1, completed = 1, failed = 1,
	['repeat'] = 1, meta = 1, marker = 1, limiter = 1 }
local is_whole = true

local names = {}
for suffix in pairs(TYPES) do
	names[#names + 1] = suffix
end
table.sort(names)
for _, suffix in ipairs(names) do
	local kind = wrong_type(q, suffix)
	if kind then
		result[3] = result[3] + 1
		result[#result + 1] = suffix
		result[#result + 1] = kind
		is_whole = is_whole and not is_judged[suffix]
	end
end

local function add(value)
	result[#result + 1] = is_whole and value or ''
end

local function paused_since()
	if ARGV[4] ~= 'since' or wrong_type(q, 'events') then
		return 0
	end
	for _, entry in ipairs(redis.call('XREVRANGE', q.events, '+', '-', 'COUNT',
		EVENTS_MAX)) do
		if entry[2][2] == 'paused' then
			return tonumber(string.match(entry[1], '^%d+')) or 0
		end
	end
	return 0
end

local function look()
	add(redis.call('LLEN', q.wait))
	add(redis.call('LLEN', q.paused))
	add(redis.call('LLEN', q.active))
	for _, state in ipairs(SETS) do
		add(redis.call('ZCARD', q[state]))
	end
	add(redis.call('ZCARD', q['repeat']))
	local s = queue_settings(q)
	add(s.is_paused and 1 or 0)
	add(queue_is_busy(q) and not s.is_paused and 1 or 0)
	-- a limiter is a worker's own affair too, so its time counts, not its value
	add(math.max(0, redis.call('PTTL', q.limiter)))
	add(redis.call('ZSCORE', q.marker, '0') and 1 or 0)
	local id = redis.call('LINDEX', q.wait, -1)
		or redis.call('LINDEX', q.paused, -1)
		or redis.call('ZRANGE', q.prioritized, 0, 0)[1] or ''
	add(id)
	local timestamp = id ~= '' and redis.pcall('HGET', job_key(q, id),
		'timestamp')
	add(type(timestamp) == 'string' and timestamp or 0)
	local due = queue_next_due(q)
	add(due and string.format('%.0f', math.floor(due)) or 0)
	add(s.is_paused and paused_since() or 0)
	add(not wrong_type(q, 'id') and redis.call('GET', q.id) or 0)
end

if is_whole then
	look()
else
	for _ = 1, 18 do
		add('')
	end
end
return result
