-- remove: one job goes, and its children where that is wanted.
--
-- KEYS  the queue's (include/queue.lua)
-- ARGV  the queue's, then id, 1 with its children or 0, the most jobs a family
--       may have
-- Returns 1, 2 when there was no such job (what else named it is gone then), 0
--       when it or a pending child is locked, -8 for a scheduler's next
--
-- Work: of the size of the family, and a walk through a list for each member that
-- is in one.
--- @include remove.lua

local q = queue_declared()
local id, with_children = ARGV[4], ARGV[5] == '1'
local queues = { [q.base] = q }
local REMOVED, NOTHING = 1, 2

if queue_has_key(q, id) then
	return NOTHING -- the name of a key of the queue is no job's
end
if remove_is_scheduled(q, id) then
	return SCHEDULED
end
if remove_survey(q, id, queues, tonumber(ARGV[6]), with_children) then
	return 0
end
-- a family that goes in a circle ends where it has been
local visited = {}
local function once(child_q, child_id)
	local key = job_key(child_q, child_id)
	if visited[key] then
		return true
	end
	visited[key] = true
	return false
end
visited[job_key(q, id)] = true
local result = redis.call('EXISTS', job_key(q, id)) == 1 and REMOVED or NOTHING
remove_aloud(q, id, {
	queues = queues, spares = once,
	remove_children = with_children and remove_all_children
		or remove_no_children,
})
return result
