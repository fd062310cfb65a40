-- expire(KEYS = [namespace], ARGV = [queue, worker, now_ms, ttl_ms]) → dead letters dropped
--   ns:q.XQ        ZSET  ready id → instant it was buried, ms
--   ns:q.XQ.msgs   HASH  ready id → body
--
-- Only for whoever asks the broker for it (`dead_message_ttl`); by themselves dead letters stay.

local dead = KEYS[1] .. ":" .. ARGV[1] .. ".XQ"
local ids = redis.call("ZRANGEBYSCORE", dead, "-inf", ARGV[3] - ARGV[4])

for _, id in ipairs(ids) do
    redis.call("ZREM", dead, id)
    redis.call("HDEL", dead .. ".msgs", id)
end
return #ids
