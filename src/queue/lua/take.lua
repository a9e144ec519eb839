-- take: moves up to N jobs to active, each under a lock.
--
-- KEYS  the queue's (include/queue.lua)
-- ARGV  the queue's, then now, and what the taker says of himself
--       (include/take.lua: take_args)
-- Returns what take_some of include/take.lua says of the queue, and the jobs
--
-- A deferred failure (defa) is the taker's to see: such a job must be failed,
-- not run. A scheduler's job (rjk) is handed out like any other; nothing here
-- makes the next one: that step belongs right after the take, before the job
-- runs.
--- @include take.lua

local q = queue_declared()
local result = {}
take_some(q, take_args(5, tonumber(ARGV[4])), result)
return result
