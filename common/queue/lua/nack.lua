-- nack(KEYS = [namespace], ARGV = [queue, worker, now_ms, ready_id]) → 1 buried | 0 not ours any more
--   ns:__acks__.<w>.<q>      SET   ready ids that worker w holds
--   ns:__started__.<w>.<q>   SET   those of them that were begun
--   ns:__takeovers__.<q>     HASH  ready id → workers that died while they ran it
--   ns:q.msgs                HASH  ready id → body
--   ns:q.XQ                  ZSET  ready id → instant it was buried, ms; stays until somebody takes it out
--   ns:q.XQ.msgs             HASH  ready id → body

local queue, id = ARGV[1], ARGV[4]
local suffix = ARGV[2] .. "." .. queue
local bodies = KEYS[1] .. ":" .. queue .. ".msgs"
local dead = KEYS[1] .. ":" .. queue .. ".XQ"

if redis.call("SREM", KEYS[1] .. ":__acks__." .. suffix, id) == 0 then
    return 0
end
redis.call("SREM", KEYS[1] .. ":__started__." .. suffix, id)
redis.call("HDEL", KEYS[1] .. ":__takeovers__." .. queue, id)

local body = redis.call("HGET", bodies, id)
if body then
    redis.call("ZADD", dead, ARGV[3], id)
    redis.call("HSET", dead .. ".msgs", id, body)
    redis.call("HDEL", bodies, id)
end
return 1
