-- purge(KEYS = [namespace], ARGV = [queue, worker, now_ms]) → nil
--   ns:q, ns:q.msgs, ns:q.XQ, ns:q.XQ.msgs, and what this worker holds of them; all of it is dropped.
--   Called for `q.DQ` as well, whose keys are named alike.

local queue = KEYS[1] .. ":" .. ARGV[1]
local suffix = ARGV[2] .. "." .. ARGV[1]

redis.call("DEL", queue, queue .. ".msgs", queue .. ".XQ", queue .. ".XQ.msgs")
redis.call("DEL", KEYS[1] .. ":__acks__." .. suffix, KEYS[1] .. ":__started__." .. suffix)
redis.call("DEL", KEYS[1] .. ":__takeovers__." .. ARGV[1])
