-- schedule(KEYS = [namespace], ARGV = [queue, worker, now_ms, job_id, due_ms, body, attempt or ""]) → 1 kept | 0 refused
--   ns:q.DQ        ZSET  job id → instant it is due, ms
--   ns:q.DQ.msgs   HASH  job id → body
--
-- `attempt`: the ready id of the running message that this job repeats. It is acknowledged in the same step, so that a
-- crash leaves one of the two, never both or none; and a worker that lost the message to a takeover is refused, because
-- the message's outcome is another's to tell.
--   ns:__acks__.<w>.<q>, ns:__started__.<w>.<q>, ns:__takeovers__.<q>, ns:q.msgs   as in ack.lua

local queue, id, attempt = ARGV[1], ARGV[4], ARGV[7]
local suffix = ARGV[2] .. "." .. queue
local waiting = KEYS[1] .. ":" .. queue .. ".DQ"

if attempt ~= "" then
    if redis.call("SREM", KEYS[1] .. ":__acks__." .. suffix, attempt) == 0 then
        return 0
    end
    redis.call("SREM", KEYS[1] .. ":__started__." .. suffix, attempt)
    redis.call("HDEL", KEYS[1] .. ":__takeovers__." .. queue, attempt)
    redis.call("HDEL", KEYS[1] .. ":" .. queue .. ".msgs", attempt)
end
redis.call("ZADD", waiting, ARGV[5], id)
redis.call("HSET", waiting .. ".msgs", id, ARGV[6])
return 1
