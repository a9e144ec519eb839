-- state: where a job is.
--
-- KEYS  the queue's (include/queue.lua)
-- ARGV  the queue's, then id
-- Returns its state ('unknown': nowhere)
--- @include state.lua

return state_of(queue_declared(), ARGV[4])
