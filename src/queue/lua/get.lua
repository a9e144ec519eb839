-- get: one job and where it is.
--
-- KEYS  the queue's (include/queue.lua)
-- ARGV  the queue's, then id
-- Returns its state ('unknown' for none) and its hash (empty for none, and for
--       an id that names another key of the queue)
--- @include state.lua
--- @include reply.lua

local q = queue_declared()
local id = ARGV[4]
local state = state_of(q, id)
if queue_has_key(q, id) then
	return { state, {} }
end
return { state, (reply_fit(redis.call('HGETALL', job_key(q, id)),
	reply_left_out)) }
