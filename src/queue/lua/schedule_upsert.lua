-- schedule_upsert: makes a scheduler, or changes one, and adds its next job.
--
-- KEYS  the queue's (include/queue.lua)
-- ARGV  the queue's, then id, now, the job's time ('' for every: decided here),
--       name, data, the job's opts (an open JSON object), priority, is_lifo (1
--       or 0), dedup id ('' for none), the template's opts ('' for none), then
--       every, offset, pattern, tz, limit, startDate, endDate ('' for none)
-- Returns the job's id and its delay; or -10 when the job of that time exists,
--       -11 when so do those of the next 32 times
--
-- The current job, if it has not been taken, makes room, and its time is kept
-- where the interval is. That a paused queue's is looked for in `paused`,
-- where version 6 does not put it, and that one made room whose offset is kept,
-- whatever comes next, is as BullMQ leaves it.
--- @include schedule.lua

local SLOT_TAKEN, SLOTS_BUSY = -10, -11
local SLOTS_MAX = 32

local q = queue_declared()
local now = tonumber(ARGV[5])
local every, start = tonumber(ARGV[14]), tonumber(ARGV[19])
local offset = tonumber(ARGV[15]) or 0
local s = { id = ARGV[4], name = ARGV[7], data = ARGV[8], opts = ARGV[9],
	priority = tonumber(ARGV[10]), is_lifo = ARGV[11] == '1',
	deid = ARGV[12] }
local key = schedule_key(q, s.id)

local function take_out(id)
	local list = queue_settings(q).is_paused and q.paused or q.wait
	if redis.call('ZREM', q.delayed, id) == 0
		and redis.call('ZREM', q.prioritized, id) == 0
		and redis.call('LREM', list, 1, id) == 0 then
		return false
	end
	job_remove(q, id)
	return true
end

local function next_of_every(before, is_out)
	if before and is_out then
		return before
	elseif before then
		local next = before + every
		if next < now then
			next = schedule_align(every, now, offset)
		end
		return next
	elseif start then
		return math.max(start, now)
	elseif offset > 0 then
		return schedule_align(every, now, offset)
	end
	return now
end

local function is_taken(next)
	return redis.call('EXISTS', job_key(q, schedule_job_id(s.id, next))) == 1
end

schedule_check_room(q)
local old = redis.call('HMGET', key, 'every', 'ic', 'offset')
local before = tonumber(redis.call('ZSCORE', q['repeat'], s.id) or nil)
local is_out = before ~= nil and take_out(schedule_job_id(s.id, before))

local next = tonumber(ARGV[6])
if not next then
	if tonumber(old[1] or nil) ~= every then
		before = nil
	end
	next = next_of_every(before, is_out)
	local n = 0
	while is_taken(next) do
		if n == SLOTS_MAX then
			return SLOTS_BUSY
		end
		n = n + 1
		next = next + every
	end
elseif is_taken(next) and not is_out then
	return SLOT_TAKEN
end
if offset == 0 and is_out then
	offset = tonumber(old[3] or nil) or 0
elseif offset == 0 and every then
	offset = next % every
end

local fields = { 'name', s.name, 'offset', schedule_text(offset),
	'ic', old[2] or 1 }
local function keep(name, value)
	if value ~= '' then
		fields[#fields + 1] = name
		fields[#fields + 1] = value
	end
end
keep('every', ARGV[14])
keep('pattern', ARGV[16])
keep('tz', ARGV[17])
keep('limit', ARGV[18])
keep('startDate', ARGV[19])
keep('endDate', ARGV[20])
keep('opts', ARGV[13])
keep('data', s.data ~= '{}' and s.data or '')
redis.call('ZADD', q['repeat'], schedule_text(next), s.id)
redis.call('DEL', key)
redis.call('HSET', key, unpack(fields))
local id, delay = schedule_add(q, s, next, now)
return { id, delay }
