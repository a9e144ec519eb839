-- reply: jobs in an answer, which must not be too large.
--- @include queue.lua

-- Jobs in one reply: many megabytes take longer than a deadline, and a reply over
-- the client's ceiling costs the connection and every job in it.
local REPLY_BYTES_MAX = 32 * 1024 * 1024

-- A job beyond it is handed out without its large values.
local JOB_BYTES_MAX = 64 * 1024 * 1024
local VALUE_BYTES_MAX = 64 * 1024

local function job_bytes(hash)
	local n = 0
	for _, text in ipairs(hash) do
		n = n + #text
	end
	return n
end

-- A hash as it fits a reply: itself, or what is left of it without its large
-- values, each replaced by what stand_in(n_bytes) says, if that is anything. Then
-- its bytes, and how many they were before (0 when nothing is left out).
local function reply_fit(hash, stand_in)
	local n_bytes = job_bytes(hash)
	if n_bytes <= JOB_BYTES_MAX then
		return hash, n_bytes, 0
	end
	local small = {}
	for i = 1, #hash, 2 do
		local n = #hash[i] + #hash[i + 1]
		local value = n <= VALUE_BYTES_MAX and hash[i + 1] or stand_in(n)
		if value and #hash[i] <= VALUE_BYTES_MAX then
			small[#small + 1] = hash[i]
			small[#small + 1] = value
		end
	end
	-- no job of BullMQ has so many fields
	if job_bytes(small) > JOB_BYTES_MAX then
		small = { 'name', '' }
	end
	return small, job_bytes(small), n_bytes
end

-- The same of the hash at `key`. The data of a job too large for a reply is not
-- even read: that alone would stop Redis for a third of a second.
local function reply_read(key, stand_in)
	local n_data = redis.call('HSTRLEN', key, 'data')
	if n_data <= JOB_BYTES_MAX then
		return reply_fit(redis.call('HGETALL', key), stand_in)
	end
	local hash = {}
	for _, name in ipairs(redis.call('HKEYS', key)) do
		local value
		if name == 'data' then
			value = stand_in(n_data)
		else
			value = redis.call('HGET', key, name)
		end
		if value then
			hash[#hash + 1] = name
			hash[#hash + 1] = value
		end
	end
	local fit, n_bytes, n_before = reply_fit(hash, stand_in)
	return fit, n_bytes, n_data + math.max(n_bytes, n_before)
end

-- JSON, for a person to see.
local function reply_left_out(n_bytes)
	return '"' .. n_bytes .. ' bytes, too many to be shown"'
end

-- Appends id and hash (empty when there is none) for as many of the ids as fit, at
-- least for one. Returns how many.
local function reply_jobs(q, ids, result)
	local n_bytes = 0
	for i, id in ipairs(ids) do
		local hash = redis.pcall('HGETALL', job_key(q, id))
		local size
		hash, size = reply_fit(hash.err and {} or hash, reply_left_out)
		result[#result + 1] = id
		result[#result + 1] = hash
		n_bytes = n_bytes + size
		if n_bytes >= REPLY_BYTES_MAX then
			return i
		end
	end
	return #ids
end
