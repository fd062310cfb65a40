-- fetch(KEYS = [namespace], ARGV = [queue, worker, now_ms, count]) → [ready_id, body, ready_id, body, …]
--   ns:q                   LIST  ready ids
--   ns:q.msgs              HASH  ready id → body
--   ns:__acks__.<w>.<q>    SET   ready ids that worker w holds: fetched, not yet acknowledged
--   ns:__queues__.<w>      SET   queues that w fetched from, so that a takeover finds its acks without KEYS
--   ns:__heartbeats__      ZSET  worker → instant of its last sign of life, ms of the store's own clock
--
-- Whoever holds a message is among the heartbeats, also when a takeover removed it a moment ago: else nobody would
-- ever look for what it holds.

local queue, worker = ARGV[1], ARGV[2]
local ready = KEYS[1] .. ":" .. queue
local acks = KEYS[1] .. ":__acks__." .. worker .. "." .. queue

local taken = {}
for _ = 1, tonumber(ARGV[4]) do
    local id = redis.call("LPOP", ready)
    if not id then
        break
    end
    local body = redis.call("HGET", ready .. ".msgs", id)
    if body then  -- without one, somebody deleted the message in the dashboard
        redis.call("SADD", acks, id)
        taken[#taken + 1] = id
        taken[#taken + 1] = body
    end
end

if #taken > 0 then
    local time = redis.call("TIME")
    local now_ms = string.format("%.0f", time[1] * 1000 + math.floor(time[2] / 1000))
    redis.call("ZADD", KEYS[1] .. ":__heartbeats__", "NX", now_ms, worker)
    redis.call("SADD", KEYS[1] .. ":__queues__." .. worker, queue)
end
return taken
