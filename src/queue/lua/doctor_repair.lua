-- doctor_repair: puts right what is in trouble, each on its own.
--
-- KEYS  the queue's (include/queue.lua)
-- ARGV  the queue's, then now, how often a job may stall, how many members of
--       lists may be walked along, then for each: a kind of trouble, its id, and
--       a number where the kind needs one
-- Returns for each it came to (at least one): 1 done, 0 not needed (any more),
--       -1 refused; and a text: where it went, or why it was refused
--
-- Each is looked at again here, so that what workers have done since it was
-- found stands. A job is never put into a second state.
--- @include doctor.lua

local N_FIELDS = 3

local q = queue_declared()
local now, max_stalled = tonumber(ARGV[4]), tonumber(ARGV[5])
local max_visited = tonumber(ARGV[6])

local function remove_from(state, id, count)
	if TYPES[state] == 'list' then
		return redis.call('LREM', q[state], count, id)
	end
	return redis.call('ZREM', q[state], id)
end

local function priority_of(key)
	return tonumber(redis.call('HGET', key, 'priority') or nil) or 0
end

local repair = {}

function repair.orphan(id)
	local key = job_key(q, id)
	if orphan_trouble(q, id, now) ~= 'orphan' then
		return nil
	end
	local home, at = home_of(key, now)
	if home == 'completed' or home == 'failed' then
		redis.call('ZADD', q[home], at, id)
	elseif home == 'waiting-children' then
		redis.call('ZADD', q[home], at, id)
		queue_event_capped(q, 'waiting-children', 'jobId', id)
	elseif home == 'delayed' then
		local due = ready_delay(q, id, now, at - now)
		queue_event_capped(q, 'delayed', 'jobId', id, 'delay', due)
		queue_wake_at_due(q)
	else
		ready_push(q, id, priority_of(key), false)
		if index then -- whichever it is: no orphan any more
			index.wait[id] = true
		end
		redis.call('HSET', key, 'delay', 0)
		queue_wake(q)
		queue_event_capped(q, 'waiting', 'jobId', id)
	end
	return home
end

local function is_ghost(id)
	return type_of(job_key(q, id)) ~= 'hash'
end

-- All ghosts the script was given leave the lists in one walk: for each, the list it
-- was in. A member is first changed into what no id is.
local NO_ID = 'hooksync: dropped'
local dropped

local function drop_ghosts()
	local ids, is_hit = {}, {}
	for i = 7, #ARGV, N_FIELDS do
		if ARGV[i] == 'ghost' then
			ids[ARGV[i + 1]] = true
		end
	end
	dropped = {}
	each_listed(q, ids, function(state, at, id)
		if is_ghost(id) then
			redis.call('LSET', q[state], at, NO_ID)
			is_hit[state] = true
			dropped[id] = state
		end
	end)
	for state in pairs(is_hit) do
		redis.call('LREM', q[state], 0, NO_ID)
	end
end

function repair.ghost(id)
	local key = job_key(q, id)
	if not is_ghost(id) then
		return nil
	end
	-- a change first that is done even when memory is short: then all are
	redis.call('SREM', q.stalled, id)
	if not dropped then
		drop_ghosts()
	end
	local from = dropped[id]
	for _, state in ipairs(SETS) do
		if redis.call('ZREM', q[state], id) == 1 then
			from = state
		end
	end
	if not from then
		return nil
	end
	dropped[id] = nil
	redis.call('DEL', key .. ':lock')
	queue_forget(q, id, from)
	return 'dropped from ' .. from
end

-- A scheduler's job must run again, or there would be no next one.
local function is_scheduled(key)
	local scheduler = redis.call('HGET', key, 'rjk')
	return scheduler and (redis.call('ZSCORE', q['repeat'], scheduler)
		or redis.call('EXISTS', q['repeat'] .. ':' .. scheduler) == 1)
end

-- A job that was active and is so no more: is it in another state?
local function is_elsewhere(id)
	for _, state in ipairs(SETS) do
		if is_in_set(q, state, id) then
			return true
		end
	end
	return is_listed(q, id, { 'wait', 'paused' })
end

-- What the stalled check would do, at once.
function repair.lockless(id)
	local key = job_key(q, id)
	if type_of(key) ~= 'hash' or not active_trouble(q, id)
		or redis.call('LREM', q.active, 0, id) == 0 then
		return nil
	end
	redis.call('SREM', q.stalled, id)
	if is_elsewhere(id) then
		return 'no longer active, for it is elsewhere too'
	end
	if job_count(key, 'stc') > max_stalled and not is_scheduled(key) then
		redis.call('HSET', key, 'defa',
			'job stalled more than allowable limit')
	end
	redis.call('RPUSH', queue_ready(q), id)
	queue_wake(q)
	queue_event(q, 'waiting', 'jobId', id, 'prev', 'active')
	queue_event(q, 'stalled', 'jobId', id)
	return 'wait'
end

-- Which of its states a job keeps: a running one runs on; what has ended has
-- ended; else where its fields say it belongs, if it is there.
local function place_to_keep(id, places)
	local key = job_key(q, id)
	local has = {}
	for _, state in ipairs(places) do
		has[state] = true
	end
	if has.active and redis.call('EXISTS', key .. ':lock') == 1 then
		return 'active'
	end
	local home = home_of(key, now)
	if has[home] then
		return home
	end
	for _, state in ipairs({ 'wait', 'paused', 'prioritized', 'delayed',
		'waiting-children', 'active', 'failed', 'completed' }) do
		if has[state] then
			return state
		end
	end
	return nil
end

function repair.double(id)
	if not double_trouble(q, id) then
		return nil
	end
	local places = places_of(q, id)
	local kept = place_to_keep(id, places)
	local is_kept = false
	for _, state in ipairs(places) do
		if state ~= kept then
			remove_from(state, id, 0)
		elseif is_kept then -- more than once in one list
			while list_count(q[state], id, 2) > 1 do
				remove_from(state, id, 1)
			end
		else
			is_kept = true
		end
	end
	return kept .. ' alone'
end

function repair.lock(id)
	if lock_trouble(q, id) ~= 'lock' then
		return nil
	end
	redis.call('DEL', job_key(q, id) .. ':lock')
	return 'deleted'
end

-- What came last for the deduplication id becomes the job it was to become.
function repair.proto(deid)
	local key = q.base .. ':dn:' .. deid
	if proto_trouble(q, deid) ~= 'proto' then
		return nil
	end
	local f = redis.call('HMGET', key, 'name', 'jid')
	if not f[1] then
		error(key .. ' has no name')
	end
	if f[2] and f[2] ~= '' and redis.call('EXISTS', job_key(q, f[2])) == 1 then
		error('the job ' .. f[2] .. ' exists')
	end
	dedup_add_newest(q, deid, now)
	return 'job ' .. (redis.call('GET', q.base .. ':de:' .. deid) or '')
end

function repair.dedup(deid)
	if dedup_trouble(q, deid) ~= 'dedup' then
		return nil
	end
	redis.call('DEL', q.base .. ':de:' .. deid)
	return 'deleted'
end

function repair.parent(id)
	local entered = redis.call('ZSCORE', q['waiting-children'], id)
	if not entered or type_of(job_key(q, id)) ~= 'hash'
		or not parent_trouble(q, id, tonumber(entered), now) then
		return nil
	end
	local parent = { q = q, id = id, key = job_key(q, id), now = now }
	redis.call('DEL', parent.key .. ':dependencies')
	parent_free(parent)
	return 'freed'
end

function repair.marker()
	if redis.call('LLEN', q.wait) + redis.call('ZCARD', q.prioritized) == 0
		or redis.call('ZSCORE', q.marker, '0') or queue_is_busy(q) then
		return nil
	end
	queue_wake(q)
	return 'set'
end

-- The next number must be above those that are jobs. n: the highest of these.
function repair.counter(_, n)
	if wrong_type(q, 'id') or (tonumber(redis.call('GET', q.id) or nil) or 0)
		>= tonumber(n) then
		return nil
	end
	redis.call('SET', q.id, n)
	return 'set to ' .. n
end

-- Nothing is deleted: what stands in the way gets another name, outside of the
-- queue.
function repair.wrongtype(suffix)
	if not wrong_type(q, suffix) then
		return nil
	end
	local aside = string.format('aside:%s:%s:%.0f', q.base, suffix, now)
	if redis.call('RENAMENX', q.base .. ':' .. suffix, aside) == 0 then
		error(aside .. ' exists')
	end
	return 'renamed to ' .. aside
end

index_of(8, N_FIELDS)
local result = {}
for i = 7, #ARGV, N_FIELDS do
	if ARGV[i] ~= ARGV[i - N_FIELDS] then
		index_forget()
	end
	local ok, text = pcall(repair[ARGV[i]], ARGV[i + 1], ARGV[i + 2])
	if not ok then
		result[#result + 1] = -1
		result[#result + 1] = type(text) == 'table' and text.err
			or tostring(text)
	else
		result[#result + 1] = text and 1 or 0
		result[#result + 1] = text or ''
	end
	-- ghosts have left the lists together
	if is_enough(#result / 2, max_visited)
		and not (dropped and ARGV[i + N_FIELDS] == 'ghost') then
		break
	end
end
return result
