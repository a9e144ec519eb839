-- leave_parent: a job is its parent's child no longer.
--
-- KEYS  the queue's (include/queue.lua)
-- ARGV  the queue's, then id
-- Returns 1, or 0 when the parent does not wait for it, -1 no such job, -5 no
--       such parent
--- @include remove.lua

local NO_PARENT = -5

local q = queue_declared()
local key = job_key(q, ARGV[4])
if not job_exists(q, ARGV[4]) then
	return MISSING
end
local parent = parent_of(q, key, { [q.base] = q })
if not parent or redis.call('EXISTS', parent.key) == 0 then
	return NO_PARENT
end
if redis.call('SISMEMBER', parent.key .. ':dependencies', key) == 0 then
	return 0
end
if remove_from_parent(parent, key) then
	remove_release(parent)
end
redis.call('HDEL', key, 'parentKey', 'parent')
return 1
