-- A person's decision about held signups; see held.lua.
-- uses: counts, held, queue, timeline

local held_signups = {}

-- release(KEYS = [under_way], ARGV = [JSON]) → how many of them were held
--   JSON  ids: [enrollment]; now_ms
-- The sequence begins now: otherwise all mails would be due at once after a decision that took a week.
function held_signups.release()
  local given, released = cjson.decode(ARGV[1]), 0
  for _, id in ipairs(given.ids) do
    if held.remove(id) then
      redis.call('HSET', keys.enrollment .. id, 'status', 'accepted', 'anchor_ms', given.now_ms)
      redis.call('HDEL', keys.enrollment .. id, 'assessed_ms')
      redis.call('ZADD', KEYS[1], given.now_ms, id)
      counts.add('accepted', 1)
      timeline.add(id, given.now_ms, 'signup released', '')
      queue.schedule('classify', id, given.now_ms)
      released = released + 1
    end
  end
  return released
end

-- discard(KEYS = [pauses], ARGV = [JSON]) → how many of them were held
--   JSON  ids: [enrollment]
-- Delete them, so that a later signup by the same contact is a new one. Their bookings stay.
function held_signups.discard()
  local discarded = 0
  for _, id in ipairs(cjson.decode(ARGV[1]).ids) do
    if held.remove(id) then
      redis.call('DEL', keys.enrollment .. id, keys.timeline .. id)
      redis.call('HDEL', KEYS[1], id)
      discarded = discarded + 1
    end
  end
  return discarded
end

return held_signups
