-- page: the next jobs of a walk through a state.
--
-- KEYS  the queue's (include/queue.lua)
-- ARGV  the queue's, then state, the place at which the page before ended (''
--       for the first), n
-- Returns the place at which this one ends ('': nothing was left), then an id and
--       a hash (empty when there is none) for each job; fewer than n when they
--       are large, at least one
--
-- Work: as many jobs, and for a list a walk to the place.
--
-- A place among scores is the last job's score and id: its neighbours are found by
-- them even when it has left. A place in a list is the last ids and how far from
-- its end they were; when all have left, so has what was in front of them, and the
-- walk goes on at the end.
--- @include reply.lua

local MARKS = 8
local PUSHED_MAX = 1000 -- jobs that may have come in front meanwhile

local q = queue_declared()
local state, n = ARGV[4], tonumber(ARGV[6])
local place = ARGV[5] ~= '' and cmsgpack.unpack(ARGV[5]) or nil
local key = q[state]
local NEWEST_FIRST = { completed = true, failed = true }

-- Redis's order of members: bytes, whatever the locale. Is a before b?
local function is_before(a, b)
	for i = 1, math.min(#a, #b) do
		local x, y = string.byte(a, i), string.byte(b, i)
		if x ~= y then
			return x < y
		end
	end
	return #a < #b
end

-- How many members are before the place, in ascending order, or at it too.
local function rank_of(score, id, with_it)
	local low = redis.call('ZCOUNT', key, '-inf', '(' .. score)
	local high = low + redis.call('ZCOUNT', key, score, score)
	while low < high do
		local middle = math.floor((low + high) / 2)
		local member = redis.call('ZRANGE', key, middle, middle)[1]
		if is_before(member, id) or (with_it and member == id) then
			low = middle + 1
		else
			high = middle
		end
	end
	return low
end

local function scored_ids()
	local command, first = 'ZRANGE', 0
	if NEWEST_FIRST[state] then
		command = 'ZREVRANGE'
		if place then
			first = redis.call('ZCARD', key)
				- rank_of(place[1], place[2], false)
		end
	elseif place then
		first = rank_of(place[1], place[2], true)
	end
	local found = redis.call(command, key, first, first + n - 1,
		'WITHSCORES')
	local ids, scores = {}, {}
	for i = 1, #found, 2 do
		ids[#ids + 1] = found[i]
		scores[#scores + 1] = found[i + 1]
	end
	return ids, function(last)
		return { scores[last], ids[last] }
	end
end

-- How many from the end of the list on were seen.
local function offset_of_place()
	local offset, last = place[1], place[#place]
	if redis.call('LINDEX', key, -offset) == last then
		return offset
	end
	local length = redis.call('LLEN', key)
	for i = #place, 2, -1 do
		local index = redis.call('LPOS', key, place[i], 'RANK', -1,
			'MAXLEN', offset + PUSHED_MAX)
		if index then
			return length - index
		end
	end
	return 0
end

local function listed_ids()
	local offset = place and offset_of_place() or 0
	local tail = redis.call('LRANGE', key, -(offset + n), -(offset + 1))
	local ids = {}
	for i = #tail, 1, -1 do
		ids[#ids + 1] = tail[i]
	end
	return ids, function(last)
		local marks = { offset + last }
		for i = math.max(1, last - MARKS + 1), last do
			marks[#marks + 1] = ids[i]
		end
		return marks
	end
end

local ids, place_at
if IS_LIST[state] then
	ids, place_at = listed_ids()
else
	ids, place_at = scored_ids()
end

local result = { '' }
local last = reply_jobs(q, ids, result)
if last > 0 then
	result[1] = cmsgpack.pack(place_at(last))
end
return result
