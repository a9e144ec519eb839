-- doctor_page: some ids of one state, and those that are in trouble there.
--
-- KEYS  the queue's (include/queue.lua)
-- ARGV  the queue's, then now, state (or 'repeat'), offset, n
-- Returns the ids, then for each trouble: its kind, the id, a detail
--
-- Lists are read from their left end, where jobs come in: what is added
-- meanwhile is seen twice rather than not at all.
--- @include doctor.lua

local q = queue_declared()
local now, state = tonumber(ARGV[4]), ARGV[5]
local first, n = tonumber(ARGV[6]), tonumber(ARGV[7])
local troubles = {}

local function trouble(id, kind, detail)
	if kind then
		troubles[#troubles + 1] = kind
		troubles[#troubles + 1] = id
		troubles[#troubles + 1] = detail
	end
end

local ids, scores = {}, {}
if TYPES[state] == 'list' then
	ids = redis.call('LRANGE', q[state], first, first + n - 1)
else
	local pairs_of = redis.call('ZRANGE', q[state], first, first + n - 1,
		'WITHSCORES')
	for i = 1, #pairs_of, 2 do
		ids[#ids + 1] = pairs_of[i]
		scores[pairs_of[i]] = tonumber(pairs_of[i + 1]) or 0
	end
end

-- The iteration a scheduler has planned must be there and not have run: nothing
-- else wakes the scheduler again. One that has come to its end keeps its last.
local function look_at_scheduler(id)
	local f = redis.pcall('HMGET', q['repeat'] .. ':' .. id, 'ic', 'limit',
		'endDate', 'every')
	if f.err or not f[1] then
		return -- one of version 5's older kind, planned elsewhere
	end
	local limit, last = tonumber(f[2] or nil), tonumber(f[3] or nil)
	local every = tonumber(f[4] or nil)
	if limit and tonumber(f[1]) >= limit then
		return
	end
	-- when a pattern matches next is not known here
	if last and (last <= now or not every or scores[id] + every > last) then
		return
	end
	local planned = string.format('%s:%s:%.0f', 'repeat', id, scores[id])
	if redis.call('EXISTS', job_key(q, planned)) == 0
		or is_finished(q, planned) then
		trouble(id, 'scheduler', string.format('%.0f', scores[id]))
	end
end

local function look_at_job(id)
	if string.sub(id, 1, 2) == '0:' then
		return -- a marker of version 4, not a job
	end
	local kind = type_of(job_key(q, id))
	if kind ~= 'hash' then
		trouble(id, 'ghost', state .. ' ' .. kind)
	elseif state == 'active' then
		trouble(id, active_trouble(q, id))
	elseif state == 'waiting-children' then
		trouble(id, parent_trouble(q, id, scores[id], now))
	end
end

for _, id in ipairs(ids) do
	if state == 'repeat' then
		look_at_scheduler(id)
	else
		look_at_job(id)
	end
end
return { ids, troubles }
