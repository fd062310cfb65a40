-- move(KEYS = [namespace], ARGV = [queue, worker, now_ms, job_id, due_ms, body before or '', body after or ''])
--     → 1 moved | 0 it does not wait | -1 the body has changed since it was read
--   ns:q.DQ        ZSET  job id → instant it is due, ms
--   ns:q.DQ.msgs   HASH  job id → body, whose `eta` the dashboard shows; a plain job has none

local id = ARGV[4]
local waiting = KEYS[1] .. ":" .. ARGV[1] .. ".DQ"

if not redis.call("ZSCORE", waiting, id) then
    return 0
end
if (redis.call("HGET", waiting .. ".msgs", id) or "") ~= ARGV[6] then
    return -1
end
redis.call("ZADD", waiting, ARGV[5], id)
if ARGV[7] ~= "" then
    redis.call("HSET", waiting .. ".msgs", id, ARGV[7])
end
return 1
