-- add: stores N jobs and puts each where it waits.
--
-- KEYS  the queue's (include/queue.lua)
-- ARGV  the queue's, then for each job: id ('' for the next number),
--       name, data, opts, timestamp, delay, priority, is_lifo (1 or 0),
--       retries_failed (1 or 0)
-- Returns a code and an id for each: 0 new; 1 the id was known, nothing
--       changed; 2 the id was known, had failed, and waits again
--
-- A flow's child and deduplication of our own are not added here.
--- @include job.lua

local N_FIELDS = 9
local NEW, KNOWN, RETRIED = 0, 1, 2

local q = queue_declared()
local queues = {}
local result = {}
local is_ready, is_delayed = false, false

local function add(i)
	local n = redis.call('INCR', q.id)
	queue_max_events(q)
	local id = ARGV[i]
	if id == '' then
		id = tostring(n)
	elseif redis.call('HLEN', job_key(q, id)) > 0 then
		if ARGV[i + 8] == '1'
			and job_reprocess(q, id, 'failed', queues) == 1 then
			return RETRIED, id
		end
		queue_event_capped(q, 'duplicated', 'jobId', id)
		return KNOWN, id
	end
	local j = {
		id = id, name = ARGV[i + 1], data = ARGV[i + 2],
		opts = ARGV[i + 3], timestamp = ARGV[i + 4],
		delay = tonumber(ARGV[i + 5]), priority = tonumber(ARGV[i + 6]),
		is_lifo = ARGV[i + 7] == '1',
	}
	job_store(q, j)
	local ok, place = pcall(job_enqueue, q, j, tonumber(j.timestamp))
	if not ok then
		-- a hash in no list would make the next try a duplicate
		job_remove(q, id)
		error(place)
	end
	if place == 'delayed' then
		is_delayed = true
	else
		is_ready = true
	end
	return NEW, id
end

for i = 4, #ARGV, N_FIELDS do
	local code, id = add(i)
	result[#result + 1] = code
	result[#result + 1] = id
end
if is_ready then
	queue_wake(q)
end
if is_delayed then
	queue_wake_at_due(q)
end
return result
