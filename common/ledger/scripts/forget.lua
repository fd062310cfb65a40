-- forget(KEYS = [suppressed, forgotten], ARGV = [mark, now_ms, JSON]) → 1
--   suppressed  HASH  mark of an address → `reason ms forgotten`: never written to again, and nothing is kept of them
--   forgotten   SET   bookings of which nothing is kept again
--   JSON        {owners: [enrollment id, enrolled or not], bookings: [booking: all that is known of it],
--               events: [[booking, digest]]: of calls that are somebody else's by now, queues: [name]}
-- One person, everywhere: enrollments, calls, mails that wait or died, what was told of them. A worker that has one of
-- their mails in hand finds its claim gone. Repeating it changes nothing.

local suppressed, forgotten = KEYS[1], KEYS[2]
local mark, now_ms, given = ARGV[1], ARGV[2], cjson.decode(ARGV[3])
local STEPS_MOST = 100

if not is_forgotten(mark) then redis.call('HSET', suppressed, mark, 'unsubscribed ' .. now_ms .. ' forgotten') end

-- A delivery, planned, in hand or dead; and its fate, which no longer counts.
local function drop(job, fate)
  redis.call('DEL', P .. 'delivery:' .. job)
  redis.call('ZREM', P .. 'open', job)
  redis.call('ZREM', P .. 'dead', job)
  unschedule('send', job)
  unschedule('replay', job)
  if string.match(redis.call('GET', P .. 'suspect') or '', '^%S+') == job then redis.call('DEL', P .. 'suspect') end
  if fate and fate ~= 'planned' then count('fate:' .. fate, -1) end
end

-- What failed by our own mistake is kept with its traceback, which may name them.
local function drop_failed(id)
  for _, queue in ipairs(given.queues) do
    local failed = P .. 'queue:' .. queue .. '.XQ'
    local bodies = redis.call('HGETALL', failed .. '.msgs')
    for i = 1, #bodies, 2 do
      if string.find(bodies[i], id, 1, true) or string.find(bodies[i + 1], id, 1, true) then
        redis.call('HDEL', failed .. '.msgs', bodies[i])
        redis.call('ZREM', failed, bodies[i])
      end
    end
  end
end

local function drop_booking(id)
  local meeting, booking, links = P .. 'meeting:' .. id, P .. 'booking:' .. id, P .. 'links:' .. id
  local fields = redis.call('HGETALL', meeting)
  for i = 1, #fields, 2 do
    local name = string.match(fields[i], '^r:(.+)$')
    if name then drop(id .. '/' .. name, string.match(fields[i + 1], '^%S+')) end
    if fields[i] == 'contact' then redis.call('HDEL', P .. 'contact:' .. fields[i + 1], 'b:' .. id) end
  end
  for _, digest in ipairs(redis.call('HKEYS', booking)) do unschedule('bookings', id .. '/' .. digest) end
  unschedule('bookings', id)
  for _, other in ipairs(redis.call('SMEMBERS', links)) do redis.call('SREM', P .. 'links:' .. other, id) end
  redis.call('DEL', meeting, booking, links, P .. 'feedback:' .. id)
  redis.call('ZREM', P .. 'bookings', id)
  redis.call('SADD', forgotten, id)
  drop_failed(id)
end

local function drop_owner(id)
  local enrollment = P .. 'enrollment:' .. id
  local status = redis.call('HGET', enrollment, STATUS)
  if status then count(status, -1) end
  for step = 1, STEPS_MOST do
    drop(id .. '/step-' .. step, string.match(redis.call('HGET', enrollment, 's' .. step) or '', '^%S+'))
  end
  for _, queue in ipairs({'classify', 'announce', 'notion_sync'}) do unschedule(queue, id) end
  redis.call('DEL', enrollment, P .. 'contact:' .. id, P .. 'timeline:' .. id, P .. 'feedback:' .. id)
  redis.call('SREM', P .. 'enrolled', id)
  redis.call('ZREM', P .. 'changed', id)
  redis.call('HDEL', P .. 'syncing', id)
  redis.call('HDEL', P .. 'pauses', id)
  drop_failed(id)
end

for _, id in ipairs(given.bookings) do drop_booking(id) end
for _, event in ipairs(given.events) do redis.call('HDEL', P .. 'booking:' .. event[1], event[2]) end
for _, id in ipairs(given.owners) do drop_owner(id) end
return 1
