-- Webhook bodies of Cal.com that could not be read.
--   unread_bookings      ZSET  id → arrival, ms
--   unread_bookings:raw  HASH  id → {id, received_ms, reason, raw}, JSON

local unread_bookings = {}

-- keep(KEYS = [unread_bookings, unread_bookings:raw], ARGV = [JSON, event]) → 1 | 0 it is stored already
--   JSON  id, received_ms; events_max: only so many are stored, the newest
function unread_bookings.keep()
  local given = cjson.decode(ARGV[1])
  if redis.call('HSETNX', KEYS[2], given.id, ARGV[2]) == 0 then return 0 end
  redis.call('ZADD', KEYS[1], given.received_ms, given.id)
  local excess = redis.call('ZCARD', KEYS[1]) - given.events_max
  if excess > 0 then
    for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, excess - 1)) do
      redis.call('ZREM', KEYS[1], id)
      redis.call('HDEL', KEYS[2], id)
    end
  end
  return 1
end

-- discard(KEYS = [unread_bookings, unread_bookings:raw], ARGV = [JSON]) → [id] those that were there
--   JSON  ids: [id]
function unread_bookings.discard()
  local discarded = {}
  for _, id in ipairs(cjson.decode(ARGV[1]).ids) do
    if redis.call('ZREM', KEYS[1], id) == 1 then discarded[#discarded + 1] = id end
    redis.call('HDEL', KEYS[2], id)
  end
  return discarded
end

return unread_bookings
