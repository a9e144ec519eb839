-- schedule_advance: a scheduler's job was taken: adds the one that follows.
--
-- KEYS  the queue's (include/queue.lua)
-- ARGV  the queue's, then the scheduler's id, now, the next job's time ('' for
--       every: decided here), the taken job's id, its data, its interval ('' for
--       a pattern), the next job's opts (an open JSON object), priority, is_lifo
--       (1 or 0), dedup id ('' for none), is_legacy (1: only if the hash is that
--       of a scheduler)
-- Returns the job's id and its delay; an empty array when there is none to
--       follow, because the taken job is not the scheduler's current one or
--       somebody has added the next; or -1 when the scheduler's hash is none
--
-- Name, data and interval are the scheduler's: it may have been changed since. A hash
-- that is gone, or lacks a name, changes nothing.
--- @include schedule.lua

local q = queue_declared()
local now = tonumber(ARGV[5])
local taken = ARGV[7]
local s = { id = ARGV[4], opts = ARGV[10], priority = tonumber(ARGV[11]),
	is_lifo = ARGV[12] == '1', deid = ARGV[13] }
local key = schedule_key(q, s.id)

if ARGV[14] == '1' and redis.call('HEXISTS', key, 'ic') == 0 then
	return MISSING
end
local before = tonumber(redis.call('ZSCORE', q['repeat'], s.id) or nil)
if not before or schedule_job_id(s.id, before) ~= taken then
	return {}
end
local fields = redis.call('HMGET', key, 'name', 'data', 'every', 'offset')
s.name = fields[1]
s.data = fields[2]
if not s.name then
	return MISSING
end

local every, next = tonumber(fields[3] or nil), tonumber(ARGV[6])
if every or not next then
	every = every or tonumber(ARGV[9])
	if not every then
		return MISSING
	end
	next = before + every
	if next < now then
		next = schedule_align(every, now, tonumber(fields[4] or 0) or 0)
	end
end
local id = schedule_job_id(s.id, next)
if redis.call('EXISTS', job_key(q, id)) == 1 then
	queue_event_capped(q, 'duplicated', 'jobId', id)
	return {}
end

schedule_check_room(q)
if not s.data then
	s.data = '{}'
	if queue_is_v5(q) and ARGV[8] ~= '{}' then
		s.data = ARGV[8]
		redis.call('HSET', key, 'data', s.data)
	end
end
redis.call('ZADD', q['repeat'], schedule_text(next), s.id)
job_count(key, 'ic')
local _, delay = schedule_add(q, s, next, now)
if queue_is_v5(q) then
	redis.call('HSET', job_key(q, taken), 'nrjid', id)
end
return { id, delay }
