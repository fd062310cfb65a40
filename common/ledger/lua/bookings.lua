-- Events of bookings, and what follows from all events of a series.
--   booking:<bkg>        HASH  digest → event, JSON: everything that was reported of one uid
--   links:<bkg>          SET   the bookings that this one was moved to or from
--   seats:<bkg>          SET   the guests of this booking who are stored under an id of their own
--   guest:<gst>          HASH  one person whose call it is, see booking_codec.py
--   contact:<contact>    HASH  `call:<gst>`, `called_off:<gst>`: their calls in short; writes: their number of writes
--   unmarked             SET   guests whose call ended and nobody reported how it went
--   bookings             ZSET  booking → time at which it should be processed, ms
-- uses: delivery, mailbox, owners, projection, queue, records, sequence, suppression, timeline, webhook_ids

local bookings = {}

-- Return all bookings that are connected with this one by reported moves. Stores of before 0.3.0 also hold links
-- `ical_…`, which joined unrelated recurring bookings; these are ignored.
local function series(id)
  local nodes, seen, at = {id}, {[id] = true}, 1
  while nodes[at] do
    for _, other in ipairs(redis.call('SMEMBERS', keys.links .. nodes[at])) do
      if not seen[other] and not string.find(other, '^ical_') then
        seen[other] = true
        nodes[#nodes + 1] = other
      end
    end
    at = at + 1
  end
  return nodes
end

local function store_event(id, booking, given, event)
  redis.call('HSETNX', booking, given.digest, event)
  redis.call('HSETNX', keys.guest .. id, 'campaign', given.campaign)
  redis.call('SADD', keys.campaigns, given.campaign)
  for _, named in ipairs(given.mailboxes) do mailbox.note_trace(named, id) end
  for _, link in ipairs(given.links) do
    redis.call('SADD', keys.links .. id, link)
    redis.call('SADD', keys.links .. link, id)
  end
  redis.call('ZADD', keys.bookings, given.received_ms, id)
  -- Each event has a job of its own: one that arrives while the last is being processed is not mistaken for it.
  queue.schedule('bookings', id .. '/' .. given.digest, given.received_ms)
end

-- accept(KEYS = [webhook, booking], ARGV = [JSON, event])
--   JSON     id: of the booking; digest: of the event; received_ms; campaign
--            address_hashes, mailboxes: of the addresses that the event names
--            spelled: {hash of a spelling: address hash}; links: [booking that was moved]
--            contact: of the guest, see mailbox.lua; notes: [JSON] for the guest's timeline, see common/domain/note.py
--   webhook  STRING  `booking id digest`: the event that was answered under this id
-- → [0, event] | [1, event or ''] answered before | [2, JSON of address hashes] these are forgotten: call without them
-- Remember the webhook id, store the event, link its booking to others, schedule its processing: all or nothing.
-- What an event means is decided later, from all events of its series.
function bookings.accept()
  local given, event = cjson.decode(ARGV[1]), ARGV[2]
  local id, digest = given.id, given.digest

  local answered = redis.call('GET', KEYS[1])
  if answered then
    local known, which = string.match(answered, '^(%S+) (%S+)$')
    return {1, redis.call('HGET', keys.booking .. known, which) or ''}
  end
  -- For a contact who was forgotten, and for their calls, only the answer to this webhook id is stored.
  for spelled_hash, hash in pairs(given.spelled) do suppression.adopt(spelled_hash, hash) end
  local forgotten = {}
  for _, hash in ipairs(given.address_hashes) do
    if suppression.is_forgotten(hash) then forgotten[#forgotten + 1] = hash end
  end
  if #forgotten > 0 and #forgotten < #given.address_hashes then return {2, cjson.encode(forgotten)} end
  if #forgotten == 0 and redis.call('SISMEMBER', keys.forgotten, id) == 0 then
    store_event(id, KEYS[2], given, event)
    for _, note in ipairs(given.notes or {}) do timeline.add(mailbox.contact(given.contact), given.received_ms, 'note', note) end
  end
  webhook_ids.remember(KEYS[1], id .. ' ' .. digest, given.received_ms)
  return {0, event}
end

-- Return the stored guests of a booking: the one under its own id, and those with a seat.
local function guests_of(booking)
  local guests = redis.call('SMEMBERS', keys.seats .. booking)
  guests[#guests + 1] = booking
  return guests
end

-- gather(KEYS = [booking], ARGV = [booking id]) → [[event, …], [[guest, contact, address], …], campaign]
-- Return everything that was reported of this booking's series, and its guests as stored so far.
function bookings.gather()
  local events, guests = {}, {}
  for _, node in ipairs(series(ARGV[1])) do
    for _, event in ipairs(redis.call('HVALS', keys.booking .. node)) do events[#events + 1] = event end
    for _, guest in ipairs(guests_of(node)) do
      local known = redis.call('HMGET', keys.guest .. guest, 'contact', 'email')
      if known[1] and known[2] then guests[#guests + 1] = {guest, known[1], known[2]} end
    end
  end
  return {events, guests, redis.call('HGET', keys.guest .. ARGV[1], 'campaign') or ''}
end

-- join(KEYS = [bookings], ARGV = [booking id, booking id]) → 1 | 0 one of them was forgotten
function bookings.join()
  local one, other = ARGV[1], ARGV[2]
  if redis.call('EXISTS', keys.booking .. one, keys.booking .. other) < 2 then return 0 end
  redis.call('SADD', keys.links .. one, other)
  redis.call('SADD', keys.links .. other, one)
  return 1
end

-- contacts(KEYS = [bookings], ARGV = [contact, …])
-- → for each [[its calls: field, value, …], [its enrollment: field, value, …]]
function bookings.contacts()
  local found = {}
  for i, id in ipairs(ARGV) do
    found[i] = {redis.call('HGETALL', keys.contact .. id), redis.call('HGETALL', keys.enrollment .. id)}
  end
  return found
end

-- How long other workers leave alone the bookings that one worker took together.
local TAKEN_MS, CLOCKS_APART_MS = 60000, 10000

-- take(KEYS = [bookings], ARGV = [booking id, now_ms, count]) → [booking id, …]: this one, if it is still to be
-- processed, and others that are due, count at most
-- Bookings that arrive together are taken together, because a job for each takes longer than the processing. If the
-- worker that took them dies, the sweeper schedules them again.
function bookings.take()
  local id, now_ms, count = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
  local at_ms, taken = redis.call('ZSCORE', KEYS[1], id), {}
  if not at_ms or tonumber(at_ms) > now_ms + CLOCKS_APART_MS then return taken end
  taken[1] = id
  for _, other in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now_ms, 'LIMIT', 0, count)) do
    if other ~= id then taken[#taken + 1] = other end
  end
  if #taken == 1 then return taken end
  for i = 2, #taken do redis.call('ZADD', KEYS[1], now_ms + TAKEN_MS, taken[i]) end
  return taken
end

-- postpone(KEYS = [bookings], ARGV = [booking id, until_ms]) → 1
function bookings.postpone()
  redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
  queue.schedule('bookings', ARGV[1], ARGV[2])
  return 1
end

-- request_comparison(KEYS = [schedule], ARGV = [job, due_ms]) → 1 | 0 it is scheduled already, or being processed
-- Schedule a comparison of the calendar's bookings with the ledger's. The job's id is made of its time, so that any
-- number of workers may request it.
function bookings.request_comparison()
  if queue.is_scheduled('reconcile_bookings', ARGV[1], tonumber(ARGV[2])) then return 0 end
  queue.schedule('reconcile_bookings', ARGV[1], ARGV[2])
  return 1
end

local function plan(guest, name, due_ms)
  records.plan(guest, name, due_ms)
  delivery.schedule(guest.id .. '/' .. name, due_ms)
end

-- A delivery that a worker is processing is left to it: claim and freeze check the guest again. A reason from the time
-- when the delivery was due is final; a reason from planning changes with the booking.
local function replan(guest, reminder, outcome, now_ms)
  local name, due_ms, reason = reminder.name, reminder.due_ms, reminder.reason
  local line = redis.call('HGET', guest.key, '/' .. name)
  local status, planned_ms = records.status(line), records.due_ms(line)
  local key = keys.delivery .. guest.id .. '/' .. name
  if planned_ms then
    if not reason then
      if planned_ms ~= due_ms and redis.call('EXISTS', key) == 0 then plan(guest, name, due_ms) end
    elseif not outcome.sparing[reason] and (redis.call('HGET', key, 'claim_id') or '') == '' then
      delivery.skip(guest, name, now_ms, reason)
    end
    return
  end
  local detail = line and records.detail(line)
  if status and not (status == 'skipped' and outcome.planning[detail]) then return end
  if not reason then
    plan(guest, name, due_ms)
  elseif detail ~= reason then
    delivery.skip(guest, name, now_ms, reason)
  end
end

-- A follow-up is sent once for all bookings of a chain, and not after a follow-up of another trigger.
local function replan_follow_up(guest, follow_up, outcome, now_ms)
  for _, id in ipairs(follow_up.reason and {} or follow_up.chain) do
    local owner = owners.of(id)
    local fields = owners.fields(owner)
    local is_sent = owners.has_sent(fields, follow_up.other_triggers)
    if id ~= guest.id then is_sent = is_sent or owners.has_sent(fields, {follow_up.trigger}) end
    if is_sent then follow_up.reason = outcome.sent_before end
  end
  replan(guest, follow_up, outcome, now_ms)
end

local function keep_call(touched, contact, booking, call, called_off)
  local key = keys.contact .. contact
  redis.call('HDEL', key, 'called_off:' .. booking)
  if called_off then redis.call('HSET', key, 'called_off:' .. booking, called_off) end
  if redis.call('HGET', key, 'call:' .. booking) == call then return end
  redis.call('HSET', key, 'call:' .. booking, call)
  touched[contact] = true
end

local function write_booking(booking, outcome, touched, now_ms)
  local key = keys.guest .. booking.id
  if booking.seat_of then
    redis.call('SADD', keys.seats .. booking.seat_of, booking.id)
    redis.call('HSET', key, 'campaign', redis.call('HGET', keys.guest .. booking.seat_of, 'campaign') or '')
  end
  local before = redis.call('HGET', key, 'contact')
  if before and before ~= booking.contact then keep_call(touched, before, booking.id, booking.left) end
  redis.call('HDEL', key, unpack(outcome.optional_fields))
  redis.call('HSET', key, unpack(booking.fields))
  if booking.contact then
    redis.call('HSET', keys.contact .. booking.contact, unpack(booking.person))
    keep_call(touched, booking.contact, booking.id, booking.call, booking.called_off)
  end
  redis.call(booking.is_unmarked and 'SADD' or 'SREM', keys.unmarked, booking.id)
  local guest = owners.of(booking.id)
  for _, reminder in ipairs(booking.reminders) do replan(guest, reminder, outcome, now_ms) end
  for _, follow_up in ipairs(booking.follow_ups) do replan_follow_up(guest, follow_up, outcome, now_ms) end
end

-- Apply to one sequence what its campaign wants for a booking.
local function nurture(enrollment, what, now_ms)
  if what == 'stop' then sequence.exit(enrollment, 'stopped', now_ms) end
  if what == 'hold' then sequence.hold(enrollment, 'booked', now_ms) end
  if what == 'release' then sequence.release(enrollment, 'booked', now_ms) end
end

local function is_as_gathered(outcome)
  local events = 0
  for _, node in ipairs(series(outcome.id)) do events = events + redis.call('HLEN', keys.booking .. node) end
  if events ~= outcome.events then return false end
  for _, contact in ipairs(outcome.contacts) do
    if tonumber(redis.call('HGET', keys.contact .. contact.id, 'writes') or 0) ~= contact.writes then return false end
  end
  return true
end

-- write(KEYS = [bookings], ARGV = [JSON]) → 1 | 0 something changed since it was gathered: begin again
--   JSON  id: of the booking; events: how many were gathered; now_ms
--         contacts: [{id, writes; nurture: 'stop' | 'hold' | 'release' | …: what becomes of their sequence}]
--         others: [{id, contact, nurture}]: enrollments of the same people in other campaigns
--         bookings: [{id: of the guest; seat_of: their booking, if they have a seat; contact, call, person: if it is
--                     known whose call it is; called_off: when it was called off, if so; left: the call as stored for
--                     its previous contact; fields: [field, value, …]; reminders: [{name, due_ms; reason: why it is not
--                     sent}]; is_unmarked: a person has to report how the call went;
--                     follow_ups: like reminders, and trigger, other_triggers, chain: [guest]}]
--         sent_before: the reason of a follow-up that is not sent because another one of the chain was
--         optional_fields: of a guest, deleted unless written again
--         planning: {reason: true} those that change with the booking
--         sparing: {reason: true} those that do not affect what is planned already
--         look: {id, at_ms}: a booking to process again; jobs: [[id, due_ms]] that this call completes
-- There is no lock: a caller that gathered less than there is now gets 0, and a repetition changes nothing.
function bookings.write()
  local outcome = cjson.decode(ARGV[1])
  local now_ms, touched = outcome.now_ms, {}
  if not is_as_gathered(outcome) then return 0 end

  for _, booking in ipairs(outcome.bookings) do write_booking(booking, outcome, touched, now_ms) end
  for _, contact in ipairs(outcome.contacts) do
    redis.call('HINCRBY', keys.contact .. contact.id, 'writes', 1)
    nurture(contact.id, contact.nurture, now_ms)
    if touched[contact.id] then projection.changed(contact.id, now_ms) end
  end
  for _, other in ipairs(outcome.others) do
    nurture(other.id, other.nurture, now_ms)
    if touched[other.contact] then projection.changed(other.id, now_ms) end
  end

  redis.call('ZREM', KEYS[1], outcome.id)
  for _, job in ipairs(outcome.jobs) do queue.drop('bookings', job[1], job[2]) end
  if outcome.look then
    redis.call('ZADD', KEYS[1], 'LT', outcome.look.at_ms, outcome.look.id)
    queue.schedule('bookings', outcome.look.id, outcome.look.at_ms)
  end
  return 1
end

return bookings
