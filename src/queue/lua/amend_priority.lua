-- amend_priority: a job waits at another place.
--
-- KEYS  the queue's (include/queue.lua)
-- ARGV  the queue's, then id, priority, 1 in front of its equals or 0
-- Returns 0, or -1 for no such job
--- @include job.lua

local q = queue_declared()
local id, priority, is_next = ARGV[4], tonumber(ARGV[5]), ARGV[6] == '1'
local key = job_key(q, id)
if not job_exists(q, id) then
	return MISSING
end

local function push()
	if priority > 0 and is_next then
		redis.call('ZADD', q.prioritized, priority * PRIORITY_STEP, id)
	else
		ready_push(q, id, priority, is_next)
	end
end

-- What Redis refuses puts it back as the next in turn.
local function move_from(list)
	if redis.call('LREM', list, -1, id) == 0 then
		return false
	end
	local ok, refusal = pcall(push)
	if not ok then
		redis.call('RPUSH', list, id)
		error(refusal, 0)
	end
	return true
end

if (ready_move(q.prioritized, id, push) or move_from(q.wait)
	or move_from(q.paused)) and not (priority > 0 and is_next) then
	queue_wake(q)
end
redis.call('HSET', key, 'priority', ARGV[5])
return 0
