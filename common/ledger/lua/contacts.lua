-- Deletes everything about one contact: on their request, or some time after their enrollment ended.
--   suppressed  HASH  see suppression.lua
--   forgotten   SET   bookings of which nothing is stored again
-- uses: channel, console_job, counts, held, number, people, queue, records, suppression

local contacts = {}

-- Delete a delivery, whatever its status.
--   is_counted  its end remains in the counts
local function drop_delivery(id, line, is_counted)
  redis.call('DEL', keys.delivery .. id)
  redis.call('ZREM', keys.open, id)
  redis.call('ZREM', keys.dead, id)
  queue.unschedule(channel.queue_of(id), id)
  queue.unschedule('replay', id)
  if string.match(redis.call('GET', keys.suspect) or '', '^%S+') == id then redis.call('DEL', keys.suspect) end
  local status = records.status(line)
  if status and status ~= 'planned' and not is_counted then counts.add('delivery:' .. status, -1) end
end

local function drop_deliveries(id, owner_key, is_counted)
  local fields = redis.call('HGETALL', owner_key)
  for i = 1, #fields, 2 do
    if string.find(fields[i], '^/') then drop_delivery(id .. fields[i], fields[i + 1], is_counted) end
  end
end

-- Jobs that failed by an internal error are stored with their traceback, which may name the contact.
local function drop_failed_jobs(id, queues)
  for _, name in ipairs(queues) do queue.delete_dead(name, id) end
end

local function drop_guest(id, queues, is_counted)
  local guest = keys.guest .. id
  drop_deliveries(id, guest, is_counted)
  local contact, campaign = unpack(redis.call('HMGET', guest, 'contact', 'campaign'))
  if contact then redis.call('HDEL', keys.contact .. contact, 'call:' .. id, 'called_off:' .. id) end
  if contact and campaign then redis.call('ZREM', keys.content_bounces .. campaign, contact) end
  redis.call('SREM', keys.unmarked, id)
  number.forget(guest, id)
  redis.call('DEL', guest, keys.feedback .. id)
  drop_failed_jobs(id, queues)
end

-- Delete one guest of a call that others attend too. The booking's campaign says nothing about the guest and stays.
local function drop_seat(booking, id, queues, is_counted)
  local campaign = redis.call('HGET', keys.guest .. booking, 'campaign')
  drop_guest(id, queues, is_counted)
  redis.call('SREM', keys.seats .. booking, id)
  if campaign then redis.call('HSET', keys.guest .. booking, 'campaign', campaign) end
end

local function drop_booking(id, queues, is_counted)
  local booking, links, seats = keys.booking .. id, keys.links .. id, keys.seats .. id
  drop_guest(id, queues, is_counted)
  for _, seat in ipairs(redis.call('SMEMBERS', seats)) do drop_guest(seat, queues, is_counted) end
  for _, digest in ipairs(redis.call('HKEYS', booking)) do queue.unschedule('bookings', id .. '/' .. digest) end
  queue.unschedule('bookings', id)
  for _, other in ipairs(redis.call('SMEMBERS', links)) do redis.call('SREM', keys.links .. other, id) end
  redis.call('DEL', booking, links, seats)
  redis.call('ZREM', keys.bookings, id)
  redis.call('SADD', keys.forgotten, id)
end

-- steps: those that may have a delivery HASH before they have a record.
local function drop_enrollment(id, steps, queues, is_counted)
  local enrollment = keys.enrollment .. id
  local status, campaign = unpack(redis.call('HMGET', enrollment, 'status', 'campaign'))
  if not held.remove(id) and status and not is_counted then counts.add(status, -1) end
  if campaign then redis.call('ZREM', keys.content_bounces .. campaign, id) end
  drop_deliveries(id, enrollment, is_counted)
  for _, name in ipairs(steps) do redis.call('DEL', keys.delivery .. id .. '/' .. name) end
  for _, name in ipairs({'classify', 'announce', 'notion_sync'}) do queue.unschedule(name, id) end
  redis.call('DEL', enrollment, keys.timeline .. id, keys.feedback .. id)
  redis.call('ZREM', keys.under_way, id)
  redis.call('ZREM', keys.changed, id)
  redis.call('ZREM', keys.unlisted, id)
  redis.call('HDEL', keys.syncing, id)
  people.remove(id)
  redis.call('HDEL', keys.unsuppressing, id)
  redis.call('HDEL', keys.pauses, id)
  drop_failed_jobs(id, queues)
end

local function drop_contact(id, steps, queues)
  drop_enrollment(id, steps, queues)
  redis.call('DEL', keys.contact .. id)
  redis.call('ZREM', keys.ended, id)
  redis.call('HDEL', keys.aliases, id)
end

-- forget(KEYS = [suppressed, console_job if there is a job], ARGV = [JSON]) → 1
--   JSON  address_hash, now_ms; contacts: [id], enrolled or not; bookings: [id] of those to delete
--         seats: [[booking, guest]] of calls that others attend too
--         events: [[booking, digest, text]] of each event that names the contact, among those calls and calls that now
--                 belong to another contact; text: the event without them, '' when nothing is left
--         unread: [id] of unreadable Cal.com bodies that name them
--         mailbox: index id by which bookings and enrollments are found
--         steps: [name] that an enrollment may have; queues: [name]
--         job: for a worker, which informs the provider, see console_job.lua; until then the job stores the addresses
-- A worker that is processing one of their deliveries finds its claim gone. Repeating it changes nothing.
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
  redis.call('DEL', keys.traces .. given.mailbox)
  if given.job then console_job.request(KEYS[2], given.job) end
  return 1
end

-- Return the calls of a contact, [guest], and the time at which the last of them ends.
local function calls_of(contact)
  local guests, last_ms, fields = {}, 0, redis.call('HGETALL', keys.contact .. contact)
  for i = 1, #fields, 2 do
    local guest = string.match(fields[i], '^call:(.+)$')
    if guest then
      guests[#guests + 1] = guest
      last_ms = math.max(last_ms, tonumber(string.match(fields[i + 1], '^%S+ (%S+)')) or 0)
    end
  end
  return guests, last_ms
end

local function belongs_to_another(guest, contact)
  local whose = redis.call('HGET', keys.guest .. guest, 'contact')
  return whose and whose ~= contact
end

-- Delete a call of the contact. The booking is deleted with the last of its guests.
local function drop_call(guest, contact, queues)
  local booking = string.match(guest, '^[^-]+')
  local is_shared = belongs_to_another(booking, contact)
  for _, seat in ipairs(redis.call('SMEMBERS', keys.seats .. booking)) do
    is_shared = is_shared or belongs_to_another(seat, contact)
  end
  if not is_shared then drop_booking(booking, queues, true)
  elseif not belongs_to_another(guest, contact) then drop_seat(booking, guest, queues, true) end
end

-- Return whether the same person has an enrollment in another campaign of which more than the id is left.
local function has_others(others)
  for id in string.gmatch(others or '', '%S+') do
    if redis.call('EXISTS', keys.enrollment .. id) == 1 then return true end
  end
  return false
end

-- Erase an ended enrollment. Return when its contact's last call ends, if that is too recent; nil: it was erased.
local function erase(id, given)
  local contact, others = unpack(redis.call('HMGET', keys.enrollment .. id, 'contact', 'others'))
  contact = contact or id
  local guests, last_ms = calls_of(contact)
  if last_ms > given.before_ms then return last_ms end
  drop_enrollment(id, given.steps, given.queues, true)
  if has_others(others) then return end
  for _, guest in ipairs(guests) do drop_call(guest, contact, given.queues) end
  redis.call('DEL', keys.contact .. contact, keys.timeline .. contact)
  redis.call('ZREM', keys.changed, contact)
end

-- erase_ended(KEYS = [ended], ARGV = [JSON]) → number of enrollments checked
--   JSON   before_ms: they and their calls ended before; batch: how many are checked at most; steps, queues: as above
--   ended  ZSET  see sequence.lua
-- The contact's answers, mails and calls are deleted. The id stays, so that a later signup starts nothing; counts and
-- suppressions stay too. While sending is held, perhaps because a clock is wrong, nothing is erased.
function contacts.erase_ended()
  local given = cjson.decode(ARGV[1])
  if redis.call('EXISTS', keys.hold_all) == 1 then return 0 end
  local page = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(' .. string.format('%.0f', given.before_ms), 'LIMIT', 0, given.batch)
  for _, id in ipairs(page) do redis.call('ZADD', KEYS[1], erase(id, given) or '+inf', id) end
  return #page
end

return contacts
