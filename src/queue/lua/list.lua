-- list: a page of the jobs in one state.
--
-- KEYS  the queue's (include/queue.lua)
-- ARGV  the queue's, then state, offset, n
-- Returns an id and a hash (empty when there is none) for each job, newest
--       first for finished ones, next in turn first for the others; fewer than n
--       when they are large, at least one
--- @include reply.lua

local q = queue_declared()
local state = ARGV[4]
local offset, n = tonumber(ARGV[5]), tonumber(ARGV[6])

local ids
if IS_LIST[state] then
	local tail = redis.call('LRANGE', q[state], -(offset + n), -(offset + 1))
	ids = {}
	for i = #tail, 1, -1 do
		ids[#ids + 1] = tail[i]
	end
elseif state == 'completed' or state == 'failed' then
	ids = redis.call('ZREVRANGE', q[state], offset, offset + n - 1)
else
	ids = redis.call('ZRANGE', q[state], offset, offset + n - 1)
end

local result = {}
reply_jobs(q, ids, result)
return result
