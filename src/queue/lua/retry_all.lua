-- retry_all: one step of letting all jobs of a state wait again, or no longer.
--
-- KEYS  the queue's (include/queue.lua)
-- ARGV  the queue's, then state (failed, completed or delayed), the time at or
--       before which a finished one has finished, the most jobs
-- Returns 1 when there may be more, else 0
--
-- Work: as many jobs.
--
-- Neither priorities nor lifo matter, and a delayed job's `delay` stays written:
-- upstream's way. An id without a job is dropped.
--- @include job.lua

local q = queue_declared()
local state, limit = ARGV[4], tonumber(ARGV[6])
local queues = { [q.base] = q }
local RESULTS = { failed = 'failedReason', completed = 'returnvalue' }

local function back(id)
	local key = job_key(q, id)
	redis.call('LPUSH', queue_ready(q), id)
	redis.call('ZREM', q[state], id)
	if RESULTS[state] then
		redis.call('HDEL', key, 'finishedOn', 'processedOn',
			RESULTS[state])
		local parent = not queue_is_v5(q) and parent_of(q, key, queues)
		if parent then
			parent_child_back(parent, key, state)
		end
	end
	queue_event_capped(q, 'waiting', 'jobId', id, 'prev', state)
end

local ids = redis.call('ZRANGEBYSCORE', q[state], '-inf',
	state == 'delayed' and '+inf' or ARGV[5], 'LIMIT', 0, limit)
local refusal
for _, id in ipairs(ids) do
	if not job_exists(q, id) then
		redis.call('ZREM', q[state], id)
		queue_forget(q, id, state)
	else
		local ok, why = pcall(back, id)
		refusal = refusal or (not ok and why) or nil
	end
end
if #ids > 0 then
	queue_wake(q)
end
if refusal then
	error(refusal)
end
return #ids == limit and 1 or 0
