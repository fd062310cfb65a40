-- The right to be forgotten: one contact, everywhere.
--   suppressed  HASH  see suppression.lua
--   forgotten   SET   bookings of which nothing is kept again
-- uses: counts, held, queue, records, suppression

local contacts = {}

-- A delivery, planned, in hand or dead; and its end, which no longer counts.
local function drop_delivery(id, line)
  redis.call('DEL', keys.delivery .. id)
  redis.call('ZREM', keys.open, id)
  redis.call('ZREM', keys.dead, id)
  queue.unschedule('send', id)
  queue.unschedule('replay', id)
  if string.match(redis.call('GET', keys.suspect) or '', '^%S+') == id then redis.call('DEL', keys.suspect) end
  local status = records.status(line)
  if status and status ~= 'planned' then counts.add('delivery:' .. status, -1) end
end

local function drop_deliveries(id, owner_key)
  local fields = redis.call('HGETALL', owner_key)
  for i = 1, #fields, 2 do
    if string.find(fields[i], '^/') then drop_delivery(id .. fields[i], fields[i + 1]) end
  end
end

-- What failed by an internal error is kept with its traceback, which may name them.
local function drop_failed_jobs(id, queues)
  for _, name in ipairs(queues) do queue.delete_dead(name, id) end
end

local function drop_guest(id, queues)
  local guest = keys.guest .. id
  drop_deliveries(id, guest)
  local contact, campaign = unpack(redis.call('HMGET', guest, 'contact', 'campaign'))
  if contact then redis.call('HDEL', keys.contact .. contact, 'call:' .. id) end
  if contact and campaign then redis.call('ZREM', keys.content_bounces .. campaign, contact) end
  redis.call('DEL', guest, keys.feedback .. id)
  drop_failed_jobs(id, queues)
end

-- One guest of a call that others attend too. Whose campaign the booking belongs to is not about them.
local function drop_seat(booking, id, queues)
  local campaign = redis.call('HGET', keys.guest .. booking, 'campaign')
  drop_guest(id, queues)
  redis.call('SREM', keys.seats .. booking, id)
  if campaign then redis.call('HSET', keys.guest .. booking, 'campaign', campaign) end
end

local function drop_booking(id, queues)
  local booking, links, seats = keys.booking .. id, keys.links .. id, keys.seats .. id
  drop_guest(id, queues)
  for _, seat in ipairs(redis.call('SMEMBERS', seats)) do drop_guest(seat, queues) end
  for _, digest in ipairs(redis.call('HKEYS', booking)) do queue.unschedule('bookings', id .. '/' .. digest) end
  queue.unschedule('bookings', id)
  for _, other in ipairs(redis.call('SMEMBERS', links)) do redis.call('SREM', keys.links .. other, id) end
  redis.call('DEL', booking, links, seats)
  redis.call('ZREM', keys.bookings, id)
  redis.call('SADD', keys.forgotten, id)
end

-- steps: those that may have a HASH before they have a record.
local function drop_contact(id, steps, queues)
  local enrollment = keys.enrollment .. id
  local status, campaign = unpack(redis.call('HMGET', enrollment, 'status', 'campaign'))
  if not held.remove(id) and status then counts.add(status, -1) end
  if campaign then redis.call('ZREM', keys.content_bounces .. campaign, id) end
  drop_deliveries(id, enrollment)
  for _, name in ipairs(steps) do redis.call('DEL', keys.delivery .. id .. '/' .. name) end
  for _, name in ipairs({'classify', 'announce', 'notion_sync'}) do queue.unschedule(name, id) end
  redis.call('DEL', enrollment, keys.contact .. id, keys.timeline .. id, keys.feedback .. id)
  redis.call('SREM', keys.enrolled, id)
  redis.call('ZREM', keys.changed, id)
  redis.call('ZREM', keys.unlisted, id)
  redis.call('HDEL', keys.syncing, id)
  redis.call('HDEL', keys.pauses, id)
  redis.call('HDEL', keys.aliases, id)
  drop_failed_jobs(id, queues)
end

-- forget(KEYS = [suppressed], ARGV = [JSON]) → 1
--   JSON  address_hash, now_ms; contacts: [contact, enrolled or not]; bookings: [booking: all that is known of it]
--         seats: [[booking, guest]] of calls that others attend too
--         events: [[booking, digest, event]] of those, and of calls that are somebody else's by now: what named them,
--                 and what is kept of it, '' for nothing
--         unread: [id] of bodies of Cal.com that could not be read and name them
--         steps: [name] that an enrollment may have; queues: [name]
-- A worker that has one of their deliveries in hand finds its claim gone. Repeating it changes nothing.
function contacts.forget()
  local given = cjson.decode(ARGV[1])
  suppression.forget(given.address_hash, given.now_ms)
  for _, id in ipairs(given.bookings) do drop_booking(id, given.queues) end
  for _, seat in ipairs(given.seats) do drop_seat(seat[1], seat[2], given.queues) end
  for _, event in ipairs(given.events) do
    if event[3] == '' then
      redis.call('HDEL', keys.booking .. event[1], event[2])
    else
      redis.call('HSET', keys.booking .. event[1], event[2], event[3])
    end
  end
  for _, id in ipairs(given.unread) do
    redis.call('ZREM', keys.unread_bookings, id)
    redis.call('HDEL', keys.unread_bookings .. ':raw', id)
  end
  for _, id in ipairs(given.contacts) do drop_contact(id, given.steps, given.queues) end
  return 1
end

return contacts
