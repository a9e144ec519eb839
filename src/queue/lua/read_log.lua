-- read_log: rows of a job's log.
--
-- KEYS  the queue's (include/queue.lua)
-- ARGV  the queue's, then id, first, last (negative: from the end)
-- Returns how many rows there are, then those asked for, in their order, as many
--       as fit a reply
--- @include reply.lua

local ROWS_AT_ONCE = 50 -- a row may be large
local ROW_BYTES = 64    -- of an empty one, here and in a reply

local key = job_key(queue_declared(), ARGV[4]) .. ':logs'
local first, last = tonumber(ARGV[5]), tonumber(ARGV[6])
local n = redis.call('LLEN', key)
first = math.max(0, first < 0 and n + first or first)
last = math.min(n - 1, last < 0 and n + last or last)

local result = { n }
local n_bytes = 0
while first <= last and n_bytes < REPLY_BYTES_MAX do
	local rows = redis.call('LRANGE', key, first,
		math.min(last, first + ROWS_AT_ONCE - 1))
	for _, row in ipairs(rows) do
		n_bytes = n_bytes + ROW_BYTES + #row
		if n_bytes > REPLY_BYTES_MAX and #result > 1 then
			break
		end
		result[#result + 1] = row
	end
	first = first + ROWS_AT_ONCE
end
return result
