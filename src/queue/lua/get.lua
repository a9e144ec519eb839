-- get: one job and where it is.
--
-- KEYS  the queue's (include/queue.lua)
-- ARGV  the queue's, then id
-- Returns its state ('unknown' for none) and its hash (empty for none, and for
--       an id that names another key of the queue)
--- @include queue.lua

local q = queue_declared()
local id = ARGV[4]

local function is_scored(state)
	return redis.call('ZSCORE', q[state], id)
end

local function is_listed(state)
	return redis.call('LPOS', q[state], id)
end

local function state_of()
	for _, state in ipairs({ 'completed', 'failed', 'delayed',
		'prioritized' }) do
		if is_scored(state) then
			return state
		end
	end
	for _, state in ipairs({ 'active', 'wait', 'paused' }) do
		if is_listed(state) then
			return state
		end
	end
	return is_scored('waiting-children') and 'waiting-children' or 'unknown'
end

for _, suffix in ipairs(SUFFIXES) do
	if id == suffix then
		return { 'unknown', {} }
	end
end
return { state_of(), redis.call('HGETALL', job_key(q, id)) }
