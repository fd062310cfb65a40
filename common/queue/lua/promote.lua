-- promote(KEYS = [namespace], ARGV = ["", worker, now_ms, batch, queue, …])
--     → for each queue [moved, ready now, next due_ms or nil]
--   ns:q.DQ        ZSET  job id → instant it is due, ms
--   ns:q.DQ.msgs   HASH  job id → body, of a job that is no plain one
--   ns:q           LIST  ready ids
--   ns:q.msgs      HASH  ready id → body
--   ns:__paused__  SET   queues of which nothing is moved: everything keeps its place and its instant
--   ns:__probing__ HASH  queue → instant from which one message is let through, and then one a second, ms
--   ns:__failed__.<q>  SET   job ids that were let through so, and failed: others come first
--
-- The ready id is `job id@due_ms`: a job that is scheduled again while it runs is another message, so the end of the
-- first cannot delete the second; and the same job for the same instant, promoted twice while it is queued or runs, is
-- one. At most `batch` jobs a queue move in one call, so that nobody else waits long.

-- A job that was kept without a body is a plain one (`Job` in common/queue/job.py): its actor bears the queue's name and is
-- given the job's id. The body is dramatiq's own message (2.2), without the timestamp, which nobody reads.

local now_ms, batch = ARGV[3], ARGV[4]

local PLAIN = '{"queue_name":"%s","actor_name":"%s","args":["%s"],"kwargs":{},"options":{"eta":%.0f},"message_id":"%s"}'

local function plain(queue, id, due_ms)
    return string.format(PLAIN, queue, queue, id, due_ms, id)
end

-- How many may move now, and when there may be more.
local function room(queue)
    if redis.call("SISMEMBER", KEYS[1] .. ":__paused__", queue) == 1 then
        return 0, math.huge
    end
    local from = tonumber(redis.call("HGET", KEYS[1] .. ":__probing__", queue) or 0)
    if from == 0 then
        return batch, 0
    end
    return from > tonumber(now_ms) and 0 or 1, from
end

-- The one to let through, as [job id, due_ms]: the longest overdue that has not failed yet, if there is one.
local function probe(queue, waiting)
    local due = redis.call("ZRANGEBYSCORE", waiting, "-inf", now_ms, "WITHSCORES", "LIMIT", 0, 50)
    for i = 1, #due, 2 do
        if redis.call("SISMEMBER", KEYS[1] .. ":__failed__." .. queue, due[i]) == 0 then
            return { due[i], due[i + 1] }
        end
    end
    return { due[1], due[2] }
end

local function promote(queue)
    local ready, waiting = KEYS[1] .. ":" .. queue, KEYS[1] .. ":" .. queue .. ".DQ"
    local most, from = room(queue)
    if most == 0 then
        return { 0, redis.call("LLEN", ready), from < math.huge and string.format("%.0f", from) }
    end
    local due = from > 0 and probe(queue, waiting)
        or redis.call("ZRANGEBYSCORE", waiting, "-inf", now_ms, "WITHSCORES", "LIMIT", 0, most)
    local ids, moved = {}, 0
    for i = 1, #due, 2 do
        ids[#ids + 1] = due[i]
    end
    if #ids > 0 then
        local bodies = redis.call("HMGET", waiting .. ".msgs", unpack(ids))
        for i, id in ipairs(ids) do
            local due_ms = tonumber(due[2 * i])
            local ready_id = id .. "@" .. string.format("%.0f", due_ms)
            local body = bodies[i] or plain(queue, id, due_ms)
            if redis.call("HSETNX", ready .. ".msgs", ready_id, body) == 1 then
                redis.call("RPUSH", ready, ready_id)
                moved = moved + 1
            end
        end
        redis.call("ZREM", waiting, unpack(ids))
        redis.call("HDEL", waiting .. ".msgs", unpack(ids))
    end
    local following = redis.call("ZRANGE", waiting, 0, 0, "WITHSCORES")[2]
    if from > 0 and #ids > 0 then
        following = string.format("%.0f", now_ms + 1000)
        redis.call("HSET", KEYS[1] .. ":__probing__", queue, following)
    end
    return { moved, redis.call("LLEN", ready), following or false }
end

local answer = {}
for i = 5, #ARGV do
    answer[#answer + 1] = promote(ARGV[i])
end
return answer
