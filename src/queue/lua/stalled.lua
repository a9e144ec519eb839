-- stalled: active jobs that were active at the last check too and have no lock
-- go back to waiting.
--
-- KEYS  the queue's (include/queue.lua)
-- ARGV  the queue's, then now, interval in ms, how often a job may stall, where
--       to go on ('' for a new check)
-- Returns where to go on ('' for nowhere: the check is done), then the ids of
--       the jobs that stalled
--
-- Runs once per interval for all workers of a queue. A job that stalled too
-- often gets a deferred failure, which the next taker has to carry out.
--
-- One call does a bounded part: first of those marked at the last check, then
-- of the marks for the next one, from the oldest active job on. The guard holds
-- the time of the check, so a call goes on only with a check that is its own;
-- one that is not gone on with leaves its rest to the next.
--- @include ready.lua

local SUSPECTS_MAX = 2000
local MARKS_MAX = 10000
local CHUNK = 1000
local GONE = '' -- no id; for the length of one call

local q = queue_declared()
local now, interval, max_stalled = ARGV[4], ARGV[5], tonumber(ARGV[6])
local from = ARGV[7]

if from == '' then
	if redis.call('EXISTS', q['stalled-check']) == 1 then
		return { '' }
	end
	redis.call('SET', q['stalled-check'], now, 'PX', interval)
	queue_trim_events(q)
	from = 'suspects'
elseif redis.call('GET', q['stalled-check']) ~= now then
	return { '' }
end
local result = { '' }

-- Marked at the last check, at most SUSPECTS_MAX of them, and whether there are
-- more.
local function take_suspects()
	local n = redis.call('SCARD', q.stalled)
	if n > SUSPECTS_MAX then
		return redis.call('SPOP', q.stalled, SUSPECTS_MAX), true
	end
	local suspects = redis.call('SMEMBERS', q.stalled)
	redis.call('DEL', q.stalled)
	return suspects, false
end

-- Where in active they are, counted from its end: there the oldest are.
local function find_active(wanted, n_wanted)
	local places = {}
	local n = redis.call('LLEN', q.active)
	for last = 1, n, CHUNK do
		if n_wanted == 0 then
			break
		end
		local ids = redis.call('LRANGE', q.active, -(last + CHUNK - 1),
			-last)
		for i = #ids, 1, -1 do
			if wanted[ids[i]] and not places[ids[i]] then
				places[ids[i]] = i - #ids - last
				n_wanted = n_wanted - 1
			end
		end
	end
	return places
end

-- A scheduler's job must run again, or there would be no next one.
local function is_scheduled(key)
	local scheduler = redis.call('HGET', key, 'rjk')
	return scheduler and (redis.call('ZSCORE', q['repeat'], scheduler)
		or redis.call('EXISTS', q['repeat'] .. ':' .. scheduler) == 1)
end

local function recover(id)
	local key = job_key(q, id)
	if redis.call('EXISTS', key) == 0 then
		return
	end
	if job_is_none(key) then
		queue_forget(q, id, 'active')
		return
	end
	local n = job_count(key, 'stc')
	if n > max_stalled and not is_scheduled(key) then
		redis.call('HSET', key, 'defa',
			'job stalled more than allowable limit')
	end
	redis.call('RPUSH', queue_ready(q), id)
	queue_event(q, 'waiting', 'jobId', id, 'prev', 'active')
	queue_event(q, 'stalled', 'jobId', id)
	result[#result + 1] = id
end

-- Those without a lock, in the set's order. All leave active in one go: a removal
-- for each would walk the list as often as there are jobs in it.
local function recover_all(suspects)
	local unlocked, wanted = {}, {}
	for _, id in ipairs(suspects) do
		if redis.call('EXISTS', job_key(q, id) .. ':lock') == 0 then
			unlocked[#unlocked + 1] = id
			wanted[id] = true
		end
	end
	local places = find_active(wanted, #unlocked)
	local refusal
	for _, id in ipairs(unlocked) do
		if places[id] then
			redis.call('LSET', q.active, places[id], GONE)
			local ok, reason = pcall(recover, id)
			if not ok then
				redis.call('LSET', q.active, places[id], id)
				refusal = reason
				break
			end
		end
	end
	if #unlocked > 0 then
		redis.call('LREM', q.active, 0, GONE)
	end
	if #result > 1 then
		queue_wake(q)
	end
	if refusal then
		error(refusal)
	end
end

-- Marks all active jobs from the n-th oldest on, a bounded number; where to go
-- on, or ''.
local function mark(n)
	local ids = redis.call('LRANGE', q.active, -(n + MARKS_MAX - 1), -n)
	for i = 1, #ids, CHUNK do
		redis.call('SADD', q.stalled,
			unpack(ids, i, math.min(i + CHUNK - 1, #ids)))
	end
	return #ids == MARKS_MAX and tostring(n + MARKS_MAX) or ''
end

if from == 'suspects' then
	local suspects, has_more = take_suspects()
	recover_all(suspects)
	result[1] = has_more and 'suspects' or mark(1)
else
	result[1] = mark(tonumber(from))
end
return result
