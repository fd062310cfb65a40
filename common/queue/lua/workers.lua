-- Heartbeats of workers, and the rescue of the messages that a dead one had in flight. Keys: queue_keys (layout.py).
--   KEYS  [namespace]
--   ARGV  ['', worker, now_ms, …]; each function says what follows
-- uses: queue

local workers = {}

local WORKER, NOW_MS = ARGV[2], ARGV[3]

-- heartbeat(…) → [time of this heartbeat, of the one before or nil], ms of the store's clock
function workers.heartbeat()
  local now_ms = queue.store_ms()
  local before_ms = redis.call('ZSCORE', queue_keys.heartbeats(), WORKER)
  redis.call('ZADD', queue_keys.heartbeats(), now_ms, WORKER)
  return {now_ms, before_ms}
end

-- Return when a message was due, or if that is not known when it was sent; ms.
local function message_time_ms(id, message)
  local due_ms = string.match(id, '@(%d+)$')
  if due_ms then return tonumber(due_ms) end
  local is_readable, decoded = pcall(cjson.decode, message)
  return is_readable and type(decoded) == 'table' and tonumber(decoded.message_timestamp) or 0
end

local function oldest_first(name, ids)
  local found = {}
  for i, id in ipairs(ids) do
    local message = redis.call('HGET', queue_keys.messages(name), id)
    if message then found[#found + 1] = {id = id, at_ms = message_time_ms(id, message), i = i} end
  end
  table.sort(found, function(a, b) return a.at_ms < b.at_ms or (a.at_ms == b.at_ms and a.i < b.i) end)
  return found
end

-- Return how many workers have died while they ran this message; 0 if this worker had not started it.
local function count_crash(worker, name, id)
  if redis.call('SISMEMBER', queue_keys.started(worker, name), id) == 0 then return 0 end
  return redis.call('HINCRBY', queue_keys.crashes(name), id, 1)
end

local function quarantine(name, id)
  queue.make_dead_letter(name, id, NOW_MS)
  redis.call('HDEL', queue_keys.crashes(name), id)
end

-- Put back what a worker has in flight, the oldest to the front. count: returns the crashes of a message.
-- → [worker, queue, messages put back, [ready ids quarantined]]
local function release(worker, name, count)
  local in_flight = queue_keys.in_flight(worker, name)
  local found = oldest_first(name, redis.call('SMEMBERS', in_flight))
  local moved, quarantined = 0, {}
  for i = #found, 1, -1 do
    local id = found[i].id
    if count(worker, name, id) >= limits.crashes_max then
      quarantine(name, id)
      quarantined[#quarantined + 1] = id
    else
      redis.call('LPUSH', queue_keys.ready(name), id)
      moved = moved + 1
    end
  end
  redis.call('DEL', in_flight, queue_keys.started(worker, name))
  return {worker, name, moved, quarantined}
end

local function release_all(worker, count)
  local released = {}
  for _, name in ipairs(redis.call('SMEMBERS', queue_keys.queues_of(worker))) do
    released[#released + 1] = release(worker, name, count)
  end
  redis.call('DEL', queue_keys.queues_of(worker))
  redis.call('ZREM', queue_keys.heartbeats(), worker)
  return released
end

-- deregister(…) → as rescue. A worker that ends puts back what it has in flight; no message is counted as crashed.
function workers.deregister()
  return release_all(WORKER, function() return 0 end)
end

-- rescue(…, timeout_ms, ahead_ms) → [[worker, queue, messages put back, [ready ids quarantined]], …]
-- Rescue the messages of the other workers whose last heartbeat is older than the timeout, or further ahead than
-- ahead_ms, if given: then the store's clock was set back, and a live worker would have sent another heartbeat since. A
-- message that was started when limits.crashes_max workers died becomes a dead letter, because it probably killed them;
-- messages that were only in flight are not counted.
function workers.rescue()
  local store_ms, timeout_ms, ahead_ms = tonumber(queue.store_ms()), tonumber(ARGV[4]), tonumber(ARGV[5] or math.huge)
  local beats, rescued = redis.call('ZRANGE', queue_keys.heartbeats(), 0, -1, 'WITHSCORES'), {}
  for i = 1, #beats, 2 do
    local worker, ago_ms = beats[i], store_ms - beats[i + 1]
    if worker ~= WORKER and (ago_ms >= timeout_ms or -ago_ms > ahead_ms) then
      for _, line in ipairs(release_all(worker, count_crash)) do rescued[#rescued + 1] = line end
    end
  end
  return rescued
end

return workers
