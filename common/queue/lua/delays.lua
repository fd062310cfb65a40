-- Jobs that wait until they are due. Keys: queue_keys (layout.py).
--   KEYS  [namespace]
--   ARGV  [queue, worker, now_ms, …]; each function says what follows
-- uses: queue

local delays = {}

local QUEUE, WORKER, NOW_MS, ID = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

-- schedule(…, job id, due_ms, message, attempt or '') → 1 scheduled | 0 refused
-- attempt: the ready id of the running message that this job repeats. It is acknowledged in the same step, so that a
-- crash leaves one of the two, never both or none. A worker that lost the message to a rescue is refused, because
-- another worker decides now what becomes of it.
function delays.schedule()
  local due_ms, message, attempt = ARGV[5], ARGV[6], ARGV[7]
  if attempt ~= '' then
    if redis.call('SREM', queue_keys.in_flight(WORKER, QUEUE), attempt) == 0 then return 0 end
    redis.call('SREM', queue_keys.started(WORKER, QUEUE), attempt)
    redis.call('HDEL', queue_keys.crashes(QUEUE), attempt)
    redis.call('HDEL', queue_keys.messages(QUEUE), attempt)
  end
  redis.call('ZADD', queue_keys.delayed(QUEUE), due_ms, ID)
  redis.call('HSET', queue_keys.delayed_messages(QUEUE), ID, message)
  return 1
end

-- cancel(…, job id) → 1 it waited | 0 it did not
function delays.cancel()
  redis.call('HDEL', queue_keys.delayed_messages(QUEUE), ID)
  return redis.call('ZREM', queue_keys.delayed(QUEUE), ID)
end

-- move(…, job id, due_ms, message before or '', message after or '')
--   → 1 moved | 0 it does not wait | -1 the message has changed since it was read
function delays.move()
  local due_ms, before, after = ARGV[5], ARGV[6], ARGV[7]
  if not redis.call('ZSCORE', queue_keys.delayed(QUEUE), ID) then return 0 end
  if (redis.call('HGET', queue_keys.delayed_messages(QUEUE), ID) or '') ~= before then return -1 end
  redis.call('ZADD', queue_keys.delayed(QUEUE), due_ms, ID)
  if after ~= '' then redis.call('HSET', queue_keys.delayed_messages(QUEUE), ID, after) end
  return 1
end

-- Return the message of a plain job, which waits without one (job.py).
local function plain_message(name, id, due_ms)
  local values = {queue = name, id = id, due_ms = string.format('%.0f', due_ms)}
  return (string.gsub(job.plain_message, '%$([%w_]+)', values))
end

-- Return how many jobs of a queue may be promoted now, and from when it is probed (0: never; infinite: it is paused).
-- some: whether any queue is paused, or probed.
local function allowance(name, batch, some)
  if some.paused and redis.call('SISMEMBER', queue_keys.paused(), name) == 1 then return 0, math.huge end
  local from_ms = some.probed and queue.probed_from(name, tonumber(NOW_MS)) or 0
  if from_ms == 0 then return batch, 0 end
  return from_ms > tonumber(NOW_MS) and 0 or 1, from_ms
end

-- Return the job to probe with, [job id, due_ms]: the longest overdue that has not failed yet; if all have failed, the
-- longest overdue.
local function next_probe(name)
  local due = redis.call('ZRANGEBYSCORE', queue_keys.delayed(name), '-inf', NOW_MS, 'WITHSCORES', 'LIMIT', 0, 50)
  for i = 1, #due, 2 do
    if redis.call('SISMEMBER', queue_keys.failed(name), due[i]) == 0 then return {due[i], due[i + 1]} end
  end
  return {due[1], due[2]}
end

-- Make jobs ready. due: [job id, due_ms, …]. Return how many messages became ready. A job that is ready or in flight
-- with this due time is the same message, and is not made ready twice.
local function make_ready(name, due)
  local ids, moved = {}, 0
  for i = 1, #due, 2 do ids[#ids + 1] = due[i] end
  local waiting = redis.call('HMGET', queue_keys.delayed_messages(name), unpack(ids))
  for i, id in ipairs(ids) do
    local due_ms = tonumber(due[2 * i])
    local ready_id = id .. '@' .. string.format('%.0f', due_ms)
    local message = waiting[i] or plain_message(name, id, due_ms)
    if redis.call('HSETNX', queue_keys.messages(name), ready_id, message) == 1 then
      redis.call('RPUSH', queue_keys.ready(name), ready_id)
      moved = moved + 1
    end
  end
  redis.call('ZREM', queue_keys.delayed(name), unpack(ids))
  redis.call('HDEL', queue_keys.delayed_messages(name), unpack(ids))
  return moved
end

local function first_due_ms(name)
  return redis.call('ZRANGE', queue_keys.delayed(name), 0, 0, 'WITHSCORES')[2]
end

local function promote(name, batch, some)
  local ready = queue_keys.ready(name)
  local count_max, probed_from_ms = allowance(name, batch, some)
  if count_max == 0 then
    return {0, redis.call('LLEN', ready), probed_from_ms < math.huge and string.format('%.0f', probed_from_ms)}
  end
  local next_due_ms = first_due_ms(name)
  if not next_due_ms or tonumber(next_due_ms) > tonumber(NOW_MS) then
    return {0, redis.call('LLEN', ready), next_due_ms or false}
  end
  local due = probed_from_ms > 0 and next_probe(name)
    or redis.call('ZRANGEBYSCORE', queue_keys.delayed(name), '-inf', NOW_MS, 'WITHSCORES', 'LIMIT', 0, count_max)
  local moved = make_ready(name, due)
  next_due_ms = first_due_ms(name)
  if probed_from_ms > 0 then
    next_due_ms = string.format('%.0f', NOW_MS + 1000)
    redis.call('HSET', queue_keys.probing(), name, next_due_ms, name .. '/wait', 1000)
  end
  return {moved, redis.call('LLEN', ready), next_due_ms or false}
end

-- promote('', worker, now_ms, batch, queue, …) → for each queue [messages made ready, ready now, next due_ms or nil]
-- At most `batch` jobs of a queue are made ready in one call, so that other commands do not wait long. The ready id is
-- `job id@due_ms`: a job that is scheduled again while it runs is another message, so the end of the first does not
-- delete the second; a job that is promoted twice for the same due time is one message.
function delays.promote()
  local answer = {}
  local some = {
    paused = redis.call('EXISTS', queue_keys.paused()) == 1, probed = redis.call('EXISTS', queue_keys.probing()) == 1,
  }
  for i = 5, #ARGV do answer[#answer + 1] = promote(ARGV[i], ARGV[4], some) end
  return answer
end

return delays
