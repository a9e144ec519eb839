-- state: where a job is.
--- @include queue.lua

local SCORED = { 'completed', 'failed', 'delayed', 'prioritized' }
local LISTED = { 'active', 'wait', 'paused' }

-- 'unknown' when it is nowhere. An id that is a name of the queue's keys is no
-- job's.
local function state_of(q, id)
	if queue_has_key(q, id) then
		return 'unknown'
	end
	for _, state in ipairs(SCORED) do
		if redis.call('ZSCORE', q[state], id) then
			return state
		end
	end
	for _, state in ipairs(LISTED) do
		if redis.call('LPOS', q[state], id) then
			return state
		end
	end
	if redis.call('ZSCORE', q['waiting-children'], id) then
		return 'waiting-children'
	end
	return 'unknown'
end
