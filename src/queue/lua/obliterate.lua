-- obliterate: one step of removing a queue, which must be paused.
--
-- KEYS  the queue's (include/queue.lua)
-- ARGV  the queue's, then 1 also with active jobs or 0, the most jobs to remove
-- Returns 1 when there is more, 0 when it is gone, -1 when it is not paused, -2
--       when jobs are active and that matters
--
-- Work: as many jobs.
--
-- What stays, as upstream: the limiter, parents that wait for children elsewhere,
-- deduplication ids of jobs that are not here any more.
--- @include remove.lua

local NOT_PAUSED, HAS_ACTIVE = -1, -2

local q = queue_declared()
local is_forced, left = ARGV[4] == '1', tonumber(ARGV[5])
local queues = { [q.base] = q }

local function obliterate_list(state)
	local ids = remove_try('LRANGE', q[state], 0, left - 1)
	if not ids then
		redis.call('DEL', q[state]) -- of a wrong type
		return
	end
	for _, id in ipairs(ids) do
		if state == 'active' then
			redis.call('DEL', job_key(q, id) .. ':lock')
		end
		pcall(remove_quietly, q, id, queues)
	end
	if #ids > 0 then
		redis.call('LTRIM', q[state], #ids, -1)
	end
	left = left - #ids
end

local function obliterate_scored(state, remove)
	local ids = remove_try('ZRANGE', q[state], 0, left - 1)
	if not ids then
		redis.call('DEL', q[state])
		return
	end
	for _, id in ipairs(ids) do
		pcall(remove, q, id, queues)
		redis.call('ZREM', q[state], id)
	end
	left = left - #ids
end

local function remove_scheduler(_, id)
	redis.call('DEL', q['repeat'] .. ':' .. id)
end

if not queue_settings(q).is_paused then
	return NOT_PAUSED
end
if not is_forced and remove_n('LLEN', q.active) > 0 then
	return HAS_ACTIVE
end
-- version 5 looks at one of the two lists; what is in the other goes last. A list
-- that comes twice is empty by then.
local ready, beside = 'wait', 'paused'
if queue_is_v5(q) then
	ready, beside = beside, ready
end
local steps = {
	{ obliterate_list, 'active' },
	{ obliterate_scored, 'delayed', remove_quietly },
	{ obliterate_scored, 'repeat', remove_scheduler },
	{ obliterate_scored, 'completed', remove_quietly },
	{ obliterate_list, ready },
	{ obliterate_list, 'paused' },
	{ obliterate_scored, 'prioritized', remove_quietly },
	{ obliterate_scored, 'failed', remove_quietly },
	{ obliterate_list, beside },
}
for _, step in ipairs(steps) do
	step[1](step[2], step[3])
	if left <= 0 then
		return 1
	end
end
redis.call('DEL', q.events, q.stalled, q['stalled-check'], q.id, q.pc, q.marker,
	q.meta, q.base .. ':metrics:completed',
	q.base .. ':metrics:completed:data', q.base .. ':metrics:failed',
	q.base .. ':metrics:failed:data')
return 0
