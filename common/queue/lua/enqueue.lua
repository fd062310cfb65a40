-- enqueue(KEYS = [namespace], ARGV = [queue, worker, now_ms, ready_id, body]) → nil
--   ns:q        LIST  ready ids, the next one first
--   ns:q.msgs   HASH  ready id → body, until it is acknowledged or buried

local queue = KEYS[1] .. ":" .. ARGV[1]

redis.call("HSET", queue .. ".msgs", ARGV[4], ARGV[5])
redis.call("RPUSH", queue, ARGV[4])
