-- What a person decides of signups that are held; see held.lua.
-- uses: counts, held, queue, timeline

local held_signups = {}

-- release(KEYS = [enrolled], ARGV = [JSON]) → how many of them were held
--   JSON  ids: [enrollment]; now_ms
-- The sequence begins now: its mails must not come all at once because the decision took a week.
function held_signups.release()
  local given, released = cjson.decode(ARGV[1]), 0
  for _, id in ipairs(given.ids) do
    if held.remove(id) then
      redis.call('HSET', keys.enrollment .. id, 'status', 'accepted', 'anchor_ms', given.now_ms)
      redis.call('HDEL', keys.enrollment .. id, 'assessed_ms')
      redis.call('SADD', KEYS[1], id)
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
-- As if they had never signed up, so that a later signup of theirs is a new one. What they booked stays.
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
