-- takeover(KEYS = [namespace], ARGV = ["", worker, now_ms, silence_ms or "retire", deaths_max])
--     → for each worker and queue [worker, queue, messages put back, [ready ids buried]]
--   ns:__heartbeats__        ZSET  worker → instant of its last sign of life, ms of the store's own clock (beat.lua)
--   ns:__queues__.<w>        SET   queues that worker w fetched from
--   ns:__acks__.<w>.<q>      SET   ready ids that w holds
--   ns:__started__.<w>.<q>   SET   those of them that were begun
--   ns:__takeovers__.<q>     HASH  ready id → workers that died while they ran it
--   ns:q, ns:q.msgs, ns:q.XQ, ns:q.XQ.msgs   as in nack.lua
--
-- What the silent held goes back to the front of its queue, the oldest first. A message that was running when
-- `deaths_max` workers died is buried: it is likely to be what killed them. Messages that only stood near are not blamed.
-- With "retire", the worker itself hands back what it still holds, and blames nobody.

local me, now_ms, deaths_max = ARGV[2], ARGV[3], tonumber(ARGV[5])
local retiring = ARGV[4] == "retire"
local heartbeats = KEYS[1] .. ":__heartbeats__"

local function silent_workers()
    local time = redis.call("TIME")
    local limit = time[1] * 1000 + math.floor(time[2] / 1000) - tonumber(ARGV[4])
    return redis.call("ZRANGEBYSCORE", heartbeats, "-inf", string.format("%.0f", limit))
end

-- When it was due, else when it was sent.
local function instant(id, body)
    local due = string.match(id, "@(%d+)$")
    if due then
        return tonumber(due)
    end
    local readable, message = pcall(cjson.decode, body)
    return readable and type(message) == "table" and tonumber(message.message_timestamp) or 0
end

local function oldest_first(ids, bodies)
    local messages = {}
    for i, id in ipairs(ids) do
        local body = redis.call("HGET", bodies, id)
        if body then
            messages[#messages + 1] = { id = id, body = body, at = instant(id, body), i = i }
        end
    end
    table.sort(messages, function(a, b)
        return a.at < b.at or (a.at == b.at and a.i < b.i)
    end)
    return messages
end

local function deaths(worker, queue, id)
    if retiring or redis.call("SISMEMBER", KEYS[1] .. ":__started__." .. worker .. "." .. queue, id) == 0 then
        return 0
    end
    return redis.call("HINCRBY", KEYS[1] .. ":__takeovers__." .. queue, id, 1)
end

local function bury(queue, message)
    local dead = KEYS[1] .. ":" .. queue .. ".XQ"
    redis.call("ZADD", dead, now_ms, message.id)
    redis.call("HSET", dead .. ".msgs", message.id, message.body)
    redis.call("HDEL", KEYS[1] .. ":" .. queue .. ".msgs", message.id)
    redis.call("HDEL", KEYS[1] .. ":__takeovers__." .. queue, message.id)
end

local function release(worker, queue)
    local ready = KEYS[1] .. ":" .. queue
    local acks = KEYS[1] .. ":__acks__." .. worker .. "." .. queue
    local messages = oldest_first(redis.call("SMEMBERS", acks), ready .. ".msgs")
    local moved, buried = 0, {}
    for i = #messages, 1, -1 do
        local message = messages[i]
        if deaths(worker, queue, message.id) >= deaths_max then
            bury(queue, message)
            buried[#buried + 1] = message.id
        else
            redis.call("LPUSH", ready, message.id)
            moved = moved + 1
        end
    end
    redis.call("DEL", acks, KEYS[1] .. ":__started__." .. worker .. "." .. queue)
    return { worker, queue, moved, buried }
end

local answer = {}
for _, worker in ipairs(retiring and { me } or silent_workers()) do
    if retiring or worker ~= me then
        local queues = KEYS[1] .. ":__queues__." .. worker
        for _, queue in ipairs(redis.call("SMEMBERS", queues)) do
            answer[#answer + 1] = release(worker, queue)
        end
        redis.call("DEL", queues)
        redis.call("ZREM", heartbeats, worker)
    end
end
return answer
