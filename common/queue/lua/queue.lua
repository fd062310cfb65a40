-- Changes of the queue that several scripts share: those of the broker, and those that change the schedule together
-- with data of their own. Keys: queue_keys (layout.py).

local queue = {}

local function ready_id(id, due_ms)
  return id .. '@' .. string.format('%.0f', due_ms)
end

-- A time until which something waits lies at most longest_ms ahead, plus what the clocks of two workers differ. A time
-- further ahead was written while a clock was wrong.
local APART_MS = 5000

function queue.is_too_far(until_ms, now_ms, longest_ms)
  return tonumber(until_ms) > now_ms + tonumber(longest_ms) + APART_MS
end

-- Return that time; now instead of one too far ahead, which is counted under `what`. The caller stores the result.
function queue.bounded(what, until_ms, now_ms, longest_ms)
  if not queue.is_too_far(until_ms, now_ms, longest_ms) then return tonumber(until_ms) end
  redis.call('HINCRBY', queue_keys.ignored(), what, 1)
  return now_ms
end

-- Schedule a plain job, or move it. Return its due time. A job in flight that is scheduled again for the same due time
-- (the clocks of two workers differ) gets one millisecond more, because the queue treats two messages of one id and due
-- time as the same message.
function queue.schedule(name, id, due_ms)
  due_ms = tonumber(due_ms)
  while redis.call('HEXISTS', queue_keys.messages(name), ready_id(id, due_ms)) == 1 do
    due_ms = due_ms + 1
  end
  redis.call('ZADD', queue_keys.delayed(name), due_ms, id)
  return due_ms
end

-- Schedule a plain job unless it waits already.
function queue.schedule_once(name, id, due_ms)
  redis.call('ZADD', queue_keys.delayed(name), 'NX', due_ms, id)
end

-- Return whether this job is waiting, ready or in flight. In the last two cases it is known by its id and due time.
function queue.is_scheduled(name, id, due_ms)
  return redis.call('ZSCORE', queue_keys.delayed(name), id)
    or redis.call('HEXISTS', queue_keys.messages(name), ready_id(id, due_ms)) == 1
end

function queue.unschedule(name, id)
  redis.call('HDEL', queue_keys.delayed_messages(name), id)
  return redis.call('ZREM', queue_keys.delayed(name), id)
end

-- Remove a job whose work has been done already: a worker that takes it off the queue finds nothing.
function queue.drop(name, id, due_ms)
  queue.unschedule(name, id)
  redis.call('HDEL', queue_keys.messages(name), ready_id(id, due_ms))
end

-- Return the time of the store's own clock, ms, as text. Everywhere else time is an argument; but how long a worker has
-- been silent is the difference of two times that two processes noted, and only one clock can measure it.
function queue.store_ms()
  local time = redis.call('TIME')
  return string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
end

-- Return whether this worker has sent a heartbeat lately. The caller's clock does not matter.
function queue.is_alive(worker)
  local heartbeat_ms = redis.call('ZSCORE', queue_keys.heartbeats(), worker)
  if not heartbeat_ms then return false end
  return tonumber(heartbeat_ms) + limits.heartbeat_timeout_ms > tonumber(queue.store_ms())
end

-- Promote nothing of this queue until it is resumed.
function queue.pause(name)
  redis.call('SADD', queue_keys.paused(), name)
end

function queue.resume(name)
  redis.call('SREM', queue_keys.paused(), name)
end

-- From a time on promote one job a second of this queue, first those that have not failed.
--   failed_id: the job that failed just now; wait_ms: how far ahead that time is at most
function queue.probe_from(name, from_ms, failed_id, wait_ms)
  redis.call('HSET', queue_keys.probing(), name, string.format('%.0f', from_ms), name .. '/wait', wait_ms)
  redis.call('SADD', queue_keys.failed(name), failed_id)
end

-- Used for a probe that was stored without its wait.
local PROBE_MAX_MS = 3600000

-- Return from when this queue is probed; 0: it is not.
function queue.probed_from(name, now_ms)
  local from_ms, wait_ms = unpack(redis.call('HMGET', queue_keys.probing(), name, name .. '/wait'))
  if not from_ms then return 0 end
  local bounded_ms = queue.bounded('probe', from_ms, now_ms, wait_ms or PROBE_MAX_MS)
  if bounded_ms ~= tonumber(from_ms) then
    redis.call('HSET', queue_keys.probing(), name, string.format('%.0f', bounded_ms))
  end
  return bounded_ms
end

-- Let the job to_id be the next probe instead of from_id.
function queue.pass_probe(name, from_id, to_id)
  redis.call('SADD', queue_keys.failed(name), from_id)
  redis.call('SREM', queue_keys.failed(name), to_id)
end

function queue.end_probing(name)
  redis.call('HDEL', queue_keys.probing(), name, name .. '/wait')
  redis.call('DEL', queue_keys.failed(name))
end

-- Stop trying a message: it becomes a dead letter. Nothing happens if a person deleted it meanwhile.
function queue.make_dead_letter(name, id, now_ms)
  local message = redis.call('HGET', queue_keys.messages(name), id)
  if not message then return end
  redis.call('ZADD', queue_keys.dead(name), now_ms, id)
  redis.call('HSET', queue_keys.dead_messages(name), id, message)
  redis.call('HDEL', queue_keys.messages(name), id)
end

-- Delete the dead letters of this queue whose id or message contains a text.
function queue.delete_dead(name, text)
  local messages = redis.call('HGETALL', queue_keys.dead_messages(name))
  for i = 1, #messages, 2 do
    if string.find(messages[i], text, 1, true) or string.find(messages[i + 1], text, 1, true) then
      redis.call('HDEL', queue_keys.dead_messages(name), messages[i])
      redis.call('ZREM', queue_keys.dead(name), messages[i])
    end
  end
end

return queue
