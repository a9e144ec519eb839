-- extend: renews the locks of N jobs.
--
-- KEYS  the queue's (include/queue.lua)
-- ARGV  the queue's, then token, lock duration in ms, then the ids
-- Returns the ids whose lock is no longer ours
--- @include queue.lua

local q = queue_declared()
local token, lock_duration = ARGV[4], ARGV[5]
local lost = {}
for i = 6, #ARGV do
	local lock = job_key(q, ARGV[i]) .. ':lock'
	if redis.call('GET', lock) == token then
		-- not SET: Redis refuses that when it is out of memory
		redis.call('PEXPIRE', lock, lock_duration)
		redis.call('SREM', q.stalled, ARGV[i])
	else
		lost[#lost + 1] = ARGV[i]
	end
end
return lost
