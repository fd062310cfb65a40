-- A message from the time it is ready until it is acknowledged or becomes a dead letter. Keys: queue_keys (layout.py).
--   KEYS  [namespace]
--   ARGV  [queue, worker, now_ms, …]; each function says what follows. A ready id names a message, see layout.py.
-- uses: queue

local messages = {}

local QUEUE, WORKER, NOW_MS, ID, BODY = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]

-- One fetch examines at most so many ready ids, so that other commands do not wait long.
local LOOKED_AT_MAX = 500

local function in_flight()
  return queue_keys.in_flight(WORKER, QUEUE)
end

-- End this worker's hold on a message. Return false if another worker has taken it over.
local function release(id)
  if redis.call('SREM', in_flight(), id) == 0 then return false end
  redis.call('SREM', queue_keys.started(WORKER, QUEUE), id)
  return true
end

-- Put a message at the front of the queue, unless a person deleted it meanwhile. Return how many were put there.
local function push_front(id)
  if redis.call('HEXISTS', queue_keys.messages(QUEUE), id) == 0 then return 0 end
  redis.call('LPUSH', queue_keys.ready(QUEUE), id)
  return 1
end

-- enqueue(…, ready id, message)
function messages.enqueue()
  redis.call('HSET', queue_keys.messages(QUEUE), ID, BODY)
  redis.call('RPUSH', queue_keys.ready(QUEUE), ID)
end

-- fetch(…, count) → [ready id, message, ready id, message, …]
-- A worker that has messages in flight is among the heartbeats, even if a rescue removed it a moment ago: otherwise no
-- worker would ever rescue its messages.
function messages.fetch()
  local fetched, count = {}, 2 * ARGV[4]
  for _ = 1, LOOKED_AT_MAX do
    local id = #fetched < count and redis.call('LPOP', queue_keys.ready(QUEUE))
    if not id then break end
    local message = redis.call('HGET', queue_keys.messages(QUEUE), id)
    if message then  -- Without one, it was dropped, or a person deleted it in the dashboard.
      redis.call('SADD', in_flight(), id)
      fetched[#fetched + 1] = id
      fetched[#fetched + 1] = message
    end
  end
  if #fetched > 0 then
    redis.call('ZADD', queue_keys.heartbeats(), 'NX', queue.store_ms(), WORKER)
    redis.call('SADD', queue_keys.queues_of(WORKER), QUEUE)
  end
  return fetched
end

-- start(…, ready id) → 1 begin | 0 another worker has taken it over
function messages.start()
  if redis.call('SISMEMBER', in_flight(), ID) == 0 then return 0 end
  redis.call('SADD', queue_keys.started(WORKER, QUEUE), ID)
  return 1
end

-- ack(…, ready id) → 1 done | 0 another worker has taken it over
function messages.ack()
  if not release(ID) then return 0 end
  redis.call('HDEL', queue_keys.crashes(QUEUE), ID)
  redis.call('HDEL', queue_keys.messages(QUEUE), ID)
  return 1
end

-- nack(…, ready id) → 1 it is a dead letter | 0 another worker has taken it over
function messages.nack()
  if not release(ID) then return 0 end
  redis.call('HDEL', queue_keys.crashes(QUEUE), ID)
  queue.make_dead_letter(QUEUE, ID, NOW_MS)
  return 1
end

-- replace(…, ready id, message) → 1 | 0 another worker has taken it over
-- Replace a message in flight by one that says what went wrong.
function messages.replace()
  if redis.call('SISMEMBER', in_flight(), ID) == 0 then return 0 end
  redis.call('HSET', queue_keys.messages(QUEUE), ID, BODY)
  return 1
end

-- replace_dead(…, ready id, message) → 1 | 0 it is no dead letter any more
function messages.replace_dead()
  if redis.call('HEXISTS', queue_keys.dead_messages(QUEUE), ID) == 0 then return 0 end
  redis.call('HSET', queue_keys.dead_messages(QUEUE), ID, BODY)
  return 1
end

-- requeue(…, ready id, …) → messages put back, at the front, in the order given
function messages.requeue()
  local moved = 0
  for i = #ARGV, 4, -1 do
    if release(ARGV[i]) then moved = moved + push_front(ARGV[i]) end
  end
  return moved
end

-- recover(…, ready id that the worker knows of, …) → messages put back
-- If the answer of a fetch was lost, its messages are in flight but not processed, although their worker is alive.
function messages.recover()
  local known = {}
  for i = 4, #ARGV do known[ARGV[i]] = true end
  local moved = 0
  for _, id in ipairs(redis.call('SMEMBERS', in_flight())) do
    if not known[id] then
      redis.call('SREM', in_flight(), id)
      moved = moved + push_front(id)
    end
  end
  return moved
end

-- expire(…, age_ms) → dead letters dropped
-- Only for a broker with `dead_message_ttl`; otherwise dead letters stay.
function messages.expire()
  local ids = redis.call('ZRANGEBYSCORE', queue_keys.dead(QUEUE), '-inf', NOW_MS - ARGV[4])
  for _, id in ipairs(ids) do
    redis.call('ZREM', queue_keys.dead(QUEUE), id)
    redis.call('HDEL', queue_keys.dead_messages(QUEUE), id)
  end
  return #ids
end

-- purge(…) drops every message of the queue. dramatiq calls it for `<queue>.DQ` too, whose keys are named alike.
function messages.purge()
  redis.call('DEL', queue_keys.ready(QUEUE), queue_keys.messages(QUEUE))
  redis.call('DEL', queue_keys.dead(QUEUE), queue_keys.dead_messages(QUEUE))
  redis.call('DEL', in_flight(), queue_keys.started(WORKER, QUEUE), queue_keys.crashes(QUEUE))
end

-- qsize(…) → a number that is 0 when nothing is left to do: waiting, ready and in flight, counted in one step
function messages.qsize()
  local name = string.gsub(QUEUE, '%.DQ$', '')
  return redis.call('ZCARD', queue_keys.delayed(name))
    + redis.call('HLEN', queue_keys.delayed_messages(name))
    + redis.call('HLEN', queue_keys.messages(name))
    + redis.call('SCARD', queue_keys.in_flight(WORKER, name))
end

return messages
