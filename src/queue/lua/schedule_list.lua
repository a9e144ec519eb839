-- schedule_list: schedulers by the time of their current job.
--
-- KEYS  the queue's (include/queue.lua)
-- ARGV  the queue's, then offset, N, is_reverse (1 or 0); or '', 1, '' and an id
-- Returns the number of ids read (0: the end), then for each its id, the time
--       as text and its hash, which is empty when there is none
--
-- Fewer when they are large.
--- @include schedule.lua
--- @include reply.lua

local q = queue_declared()
local result = { 0 }
local n_bytes = 0

local function show(id, at)
	local hash = redis.call('HGETALL', schedule_key(q, id))
	n_bytes = n_bytes + job_bytes(hash)
	result[1] = result[1] + 1
	result[#result + 1] = id
	result[#result + 1] = at
	result[#result + 1] = hash
end

if ARGV[4] == '' then
	show(ARGV[7], redis.call('ZSCORE', q['repeat'], ARGV[7]) or '')
	return result
end
local first = tonumber(ARGV[4])
local range = redis.call(ARGV[6] == '1' and 'ZREVRANGE' or 'ZRANGE',
	q['repeat'], first, first + tonumber(ARGV[5]) - 1, 'WITHSCORES')
for i = 1, #range, 2 do
	show(range[i], range[i + 1])
	if n_bytes >= REPLY_BYTES_MAX then
		break
	end
end
return result
