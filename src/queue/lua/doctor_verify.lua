-- doctor_verify: are these in trouble at this moment?
--
-- KEYS  the queue's (include/queue.lua)
-- ARGV  the queue's, then now, then for each: 'job', 'lock', 'de' or 'dn'; id
-- Returns for each that is in trouble: its kind, the id, a detail, and what
--       troubles of its kind are ordered by ('' for none)
--- @include doctor.lua

local q = queue_declared()
local now = tonumber(ARGV[4])
local look = {
	job = job_trouble, lock = lock_trouble,
	de = dedup_trouble, dn = proto_trouble,
}

local troubles = {}
for i = 5, #ARGV, 2 do
	local what, id = ARGV[i], ARGV[i + 1]
	local kind, detail, order = look[what](q, id, now)
	if kind then
		if kind == 'wrongtype' then
			id = what .. ':' .. id
		end
		troubles[#troubles + 1] = kind
		troubles[#troubles + 1] = id
		troubles[#troubles + 1] = detail
		troubles[#troubles + 1] = order or ''
	end
end
return troubles
