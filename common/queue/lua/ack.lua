-- ack(KEYS = [namespace], ARGV = [queue, worker, now_ms, ready_id]) → 1 done | 0 not ours any more
--   ns:__acks__.<w>.<q>      SET   ready ids that worker w holds
--   ns:__started__.<w>.<q>   SET   those of them that were begun
--   ns:__takeovers__.<q>     HASH  ready id → workers that died while they ran it
--   ns:q.msgs                HASH  ready id → body

local queue, id = ARGV[1], ARGV[4]
local suffix = ARGV[2] .. "." .. queue

if redis.call("SREM", KEYS[1] .. ":__acks__." .. suffix, id) == 0 then
    return 0
end
redis.call("SREM", KEYS[1] .. ":__started__." .. suffix, id)
redis.call("HDEL", KEYS[1] .. ":__takeovers__." .. queue, id)
redis.call("HDEL", KEYS[1] .. ":" .. queue .. ".msgs", id)
return 1
