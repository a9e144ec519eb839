-- clean: old jobs of a state go.
--
-- KEYS  the queue's (include/queue.lua)
-- ARGV  the queue's, then state, the time at or before which a job is old,
--       how many to pass over, how many to look at
-- Returns how many were looked at, then the ids that went
--
-- What finished (or waits for children) is as old as its place says, all else as
-- the end, the start or the birth of the job, in this order. A list is read from
-- the end that is next in turn. A scheduler's next stays, and an active job that
-- is locked.
--
-- Work: of the number looked at, and of those passed over in a list.
--- @include remove.lua

local q = queue_declared()
local state, before = ARGV[4], tonumber(ARGV[5])
local skip, limit = tonumber(ARGV[6]), tonumber(ARGV[7])
local queues = { [q.base] = q }
local BY_TIME = { completed = true, failed = true, ['waiting-children'] = true }

local function is_old(id)
	local times = remove_try('HMGET', job_key(q, id), 'finishedOn',
		'processedOn', 'timestamp')
	if not times then
		return true -- no job
	end
	local time = tonumber(times[1] or times[2] or times[3] or nil)
	return not time or time <= before
end

local function stays(id)
	if BY_TIME[state] then
		return false
	end
	if remove_is_scheduled(q, id) then
		return true
	end
	if state == 'active'
		and redis.call('EXISTS', job_key(q, id) .. ':lock') == 1 then
		return true
	end
	return not is_old(id)
end

local ids
if IS_LIST[state] then
	ids = remove_try('LRANGE', q[state], -(skip + limit), -(skip + 1))
elseif BY_TIME[state] then
	ids = remove_try('ZRANGEBYSCORE', q[state], '-inf', ARGV[5], 'LIMIT',
		skip, limit)
else
	ids = remove_try('ZRANGE', q[state], skip, skip + limit - 1)
end
ids = ids or {}

local result = { #ids }
for i, id in ipairs(ids) do
	if not stays(id) then
		pcall(remove_quietly, q, id, queues)
		if IS_LIST[state] then
			redis.call('LSET', q[state], i - 1 - #ids - skip, GONE)
		else
			redis.call('ZREM', q[state], id)
		end
		result[#result + 1] = id
	end
end
if IS_LIST[state] and #result > 1 then
	redis.call('LREM', q[state], 1 - #result, GONE)
end
queue_event(q, 'cleaned', 'count', #result - 1)
return result
