-- amend_dedup: a deduplication id is free.
--
-- KEYS  the queue's (include/queue.lua)
-- ARGV  the queue's, then the deduplication id, the job that must have it ('' for
--       any)
-- Returns 1, or 0 when nothing changed
--- @include queue.lua

local key = queue_declared().base .. ':de:' .. ARGV[4]
if ARGV[5] ~= '' and redis.call('GET', key) ~= ARGV[5] then
	return 0
end
return redis.call('DEL', key)
