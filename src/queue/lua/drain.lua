-- drain: one step of removing all that waits.
--
-- KEYS  the queue's (include/queue.lua)
-- ARGV  the queue's, then 1 with the delayed ones or 0, the most jobs to remove
-- Returns how many ids it removed; fewer than that: there are no more
--
-- Work: as many jobs, and as many looked at as there are schedulers, whose next
-- jobs stay.
--- @include remove.lua

local q = queue_declared()
local with_delayed, max = ARGV[4] == '1', tonumber(ARGV[5])
local queues = { [q.base] = q }
local n_removed = 0
-- at most so many can be spared: whatever else there is comes into sight
local n_spared_max = remove_n('ZCARD', q['repeat'])

local function drain_list(state)
	local wanted = max - n_removed
	local ids = remove_try('LRANGE', q[state], 0,
		wanted + n_spared_max - 1) or {}
	local n = 0
	for i, id in ipairs(ids) do
		if n == wanted then
			break
		end
		if not remove_is_scheduled(q, id) then
			pcall(remove_quietly, q, id, queues)
			redis.call('LSET', q[state], i - 1, GONE)
			n = n + 1
		end
	end
	if n > 0 then
		redis.call('LREM', q[state], n, GONE)
	end
	n_removed = n_removed + n
end

local function drain_scored(state)
	local wanted = max - n_removed
	local ids = remove_try('ZRANGE', q[state], 0,
		wanted + n_spared_max - 1) or {}
	for _, id in ipairs(ids) do
		if n_removed == max then
			break
		end
		if not remove_is_scheduled(q, id) then
			pcall(remove_quietly, q, id, queues)
			redis.call('ZREM', q[state], id)
			n_removed = n_removed + 1
		end
	end
end

drain_list('wait')
drain_list('paused')
if with_delayed then
	drain_scored('delayed')
end
drain_scored('prioritized')
return n_removed
