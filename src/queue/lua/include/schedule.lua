-- schedule: a scheduler's jobs: their ids, their times, and how one is added.
--
-- A scheduler is a member of `repeat`, with the time of its current job as score,
-- and a hash `repeat:<id>`. The job of a time is `repeat:<id>:<time>`.
--- @include job.lua

-- Times are whole numbers up to 2^53; as text they must not become 1.9e+12.
local function schedule_text(ms)
	return string.format('%.0f', ms)
end

local function schedule_key(q, id)
	return q['repeat'] .. ':' .. id
end

local function schedule_job_id(id, ms)
	return 'repeat:' .. id .. ':' .. schedule_text(ms)
end

-- The first time of the grid (multiples of `every`, shifted) after now.
local function schedule_align(every, now, offset)
	local next = math.floor(now / every) * every + offset
	if next <= now then
		next = next + every
	end
	return next
end

-- Would Redis take a job? Asked before anything is changed: one refused in the
-- middle would be planned, but in no list, and the scheduler would end.
local function schedule_check_room(q)
	local kinds = { string = { 'id', 'pc' }, stream = { 'events' },
		zset = { 'repeat', 'delayed', 'prioritized', 'marker' },
		list = { 'wait', 'paused' } }
	for kind, suffixes in pairs(kinds) do
		for _, suffix in ipairs(suffixes) do
			local found = redis.call('TYPE', q[suffix]).ok
			if found ~= kind and found ~= 'none' then
				error({ err = 'WRONGTYPE ' .. q[suffix] .. ' is a '
					.. found })
			end
		end
	end
end

-- s: id, name, data, opts (a JSON object without its end: the job's id and delay
-- are added here), priority, is_lifo, deid. Adds the job of that time; its id and
-- its delay.
local function schedule_add(q, s, next, now)
	local j = {
		id = schedule_job_id(s.id, next), name = s.name, data = s.data,
		delay = math.max(0, next - now), timestamp = schedule_text(now),
		priority = s.priority, is_lifo = s.is_lifo, rjk = s.id,
		deid = s.deid ~= '' and s.deid or nil,
	}
	local delay = schedule_text(j.delay)
	j.opts = s.opts .. ',"jobId":' .. cjson.encode(j.id) .. ',"delay":'
		.. delay .. '}'
	redis.call('INCR', q.id)
	queue_max_events(q)
	job_store(q, j)
	if job_enqueue(q, j, now) == 'delayed' then
		queue_wake_at_due(q)
	else
		queue_wake(q)
	end
	return j.id, delay
end
