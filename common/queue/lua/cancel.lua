-- cancel(KEYS = [namespace], ARGV = [queue, worker, now_ms, job_id]) → 1 it waited | 0 it did not
--   ns:q.DQ        ZSET  job id → instant it is due, ms
--   ns:q.DQ.msgs   HASH  job id → body

local waiting = KEYS[1] .. ":" .. ARGV[1] .. ".DQ"

redis.call("HDEL", waiting .. ".msgs", ARGV[4])
return redis.call("ZREM", waiting, ARGV[4])
