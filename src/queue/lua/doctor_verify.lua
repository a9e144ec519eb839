-- doctor_verify: are these in trouble at this moment?
--
-- KEYS  the queue's (include/queue.lua)
-- ARGV  the queue's, then now, how many members of lists may be walked along,
--       then for each: 'orphan', 'double', 'lock', 'de' or 'dn'; id
-- Returns how many were judged (at least one), then for each of these that is in
--       trouble: its kind, the id, a detail, and what troubles of its kind are
--       ordered by ('' for none)
--- @include doctor.lua

local q = queue_declared()
local now, max_visited = tonumber(ARGV[4]), tonumber(ARGV[5])
local judge = {
	orphan = orphan_trouble, double = double_trouble, lock = lock_trouble,
	de = dedup_trouble, dn = proto_trouble,
}

index_of(7, 2)
local result = { 0 }
for i = 6, #ARGV, 2 do
	local what, id = ARGV[i], ARGV[i + 1]
	local kind, detail, order = judge[what](q, id, now)
	if kind then
		if kind == 'wrongtype' then
			id = what .. ':' .. id
		end
		result[#result + 1] = kind
		result[#result + 1] = id
		result[#result + 1] = detail
		result[#result + 1] = order or ''
	end
	result[1] = result[1] + 1
	if is_enough(result[1], max_visited) then
		break
	end
end
return result
