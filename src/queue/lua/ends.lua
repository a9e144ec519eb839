-- ends: has a job ended, and how?
--
-- KEYS  the queue's (include/queue.lua)
-- ARGV  the queue's, then id
-- Returns -1 (no such job), 0 (not yet), 1 (completed) or 2 (failed), then the
--       value it returned or the reason ('' for none)
--- @include job.lua

local q = queue_declared()
local id = ARGV[4]
local key = job_key(q, id)

local function value(name)
	return redis.call('HGET', key, name) or ''
end

if redis.call('EXISTS', key) == 0 or job_is_none(key) then
	return { MISSING, '' }
end
if redis.call('ZSCORE', q.completed, id) then
	return { 1, value('returnvalue') }
end
if redis.call('ZSCORE', q.failed, id) then
	return { 2, value('failedReason') }
end
return { 0, '' }
