-- remove_children: the children a job still waits for go, but those that are
-- being worked on or have finished.
--
-- KEYS  the queue's (include/queue.lua)
-- ARGV  the queue's, then id, the most jobs a family may have
-- Returns 0
--
-- Work: of the size of the family, and a walk through a list for each member that
-- is in one.
--- @include remove.lua

local q = queue_declared()
local queues = { [q.base] = q }
local visited = {}

local function stays(child_q, child_id)
	local key = job_key(child_q, child_id)
	if visited[key] or remove_n('EXISTS', key .. ':lock') == 1
		or remove_try('ZSCORE', child_q.completed, child_id)
		or remove_try('ZSCORE', child_q.failed, child_id) then
		return true
	end
	visited[key] = true
	return false
end

remove_survey(q, ARGV[4], queues, tonumber(ARGV[5]), true)
visited[job_key(q, ARGV[4])] = true
remove_pending_children(q, ARGV[4], {
	queues = queues, spares = stays,
	remove_children = remove_pending_children,
})
return 0
