-- priorities: how many jobs wait with each priority.
--
-- KEYS  the queue's (include/queue.lua)
-- ARGV  the queue's, then priorities (0: without one)
-- Returns as many numbers
--- @include ready.lua

local q = queue_declared()
local result = {}
for i = 4, #ARGV do
	local priority = tonumber(ARGV[i])
	if priority == 0 then
		result[#result + 1] = redis.call('LLEN', queue_ready(q))
	else
		local low = priority * PRIORITY_STEP
		result[#result + 1] = redis.call('ZCOUNT', q.prioritized, low,
			low + PRIORITY_STEP - 1)
	end
end
return result
