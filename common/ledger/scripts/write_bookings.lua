-- write_bookings(KEYS = [bookings],
--                ARGV = [booking id, number of events, now_ms, look again at or '', reasons of planning joined by '|', JSON])
--   → 1 | 0 something changed since it was gathered: begin again
--   bookings  ZSET  booking → instant at which it should be looked at, ms
--   JSON      {contacts: [[contact, turn, nurture]], spare: {reason: true}, look: booking, bookings: [{id, contact, short,
--             left, fields, person, reminders: [[name, due_ms, reason or '']]}]}; numbers as text
--   meeting:<booking>  HASH  where it stands, whom it is with, and the fate of each reminder
--   contact:<contact>  HASH  `b:<booking>`: each of their calls in short; turn: counts what is written here
-- Nobody holds a lock: whoever gathered less than there is now is told so, and a repetition changes nothing.

local id, events, now_ms, look_ms, planned_away = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], ARGV[5]
local outcome = cjson.decode(ARGV[6])

local there = 0
for _, node in ipairs(series(id)) do there = there + redis.call('HLEN', P .. 'booking:' .. node) end
if there ~= events then return 0 end
for _, contact in ipairs(outcome.contacts) do
  if (redis.call('HGET', P .. 'contact:' .. contact[1], 'turn') or '0') ~= contact[2] then return 0 end
end

local touched = {}

local function keep(contact, booking, short)
  local key = P .. 'contact:' .. contact
  if redis.call('HGET', key, 'b:' .. booking) == short then return end
  redis.call('HSET', key, 'b:' .. booking, short)
  touched[contact] = true
end

local function plan(booking, name, due_ms)
  local job = booking .. '/' .. name
  record_reminder(booking, name, 'planned', due_ms, 0, 0, '')
  redis.call('ZADD', P .. 'open', due_ms, job)
  schedule('send', job, due_ms)
end

-- What a worker has in hand is left to it: the claim and the freeze look at the booking again. A fate that was met when
-- the reminder was due is for good; a reason of planning follows the booking. `spare`: reasons why one is not planned
-- which do not call off one that is.
local function remind(booking, name, due_ms, reason)
  local job = booking .. '/' .. name
  local fate, at_ms, detail = string.match(
    redis.call('HGET', P .. 'meeting:' .. booking, 'r:' .. name) or '', '^(%S+) (%S+) %S+ %S+ (.*)$')
  if fate == 'planned' then
    if reason == '' then
      if at_ms ~= due_ms and redis.call('EXISTS', P .. 'delivery:' .. job) == 0 then plan(booking, name, due_ms) end
    elseif not outcome.spare[reason] and (redis.call('HGET', P .. 'delivery:' .. job, 'worker') or '') == '' then
      skip_reminder(booking, name, now_ms, reason)
    end
  elseif not fate or fate == 'skipped' and string.find(planned_away, '|' .. detail .. '|', 1, true) then
    if reason == '' then
      plan(booking, name, due_ms)
    elseif detail ~= reason then
      skip_reminder(booking, name, now_ms, reason)
    end
  end
end

for _, booking in ipairs(outcome.bookings) do
  local key = P .. 'meeting:' .. booking.id
  local before = redis.call('HGET', key, 'contact')
  if before and before ~= booking.contact then keep(before, booking.id, booking.left) end
  redis.call('HDEL', key, 'email', 'first', 'tz', 'title', 'join', 'organizer', 'start', 'end')
  redis.call('HSET', key, unpack(booking.fields))
  if booking.contact then
    redis.call('HSET', P .. 'contact:' .. booking.contact, unpack(booking.person))
    keep(booking.contact, booking.id, booking.short)
  end
  for _, reminder in ipairs(booking.reminders) do remind(booking.id, reminder[1], reminder[2], reminder[3]) end
end

for _, contact in ipairs(outcome.contacts) do
  local who, nurture = contact[1], contact[3]
  redis.call('HINCRBY', P .. 'contact:' .. who, 'turn', 1)
  if nurture == 'stop' then exit(who, 'stopped', now_ms) end
  if nurture == 'hold' then hold(who, 'booked', now_ms) end
  if nurture == 'release' then release(who, 'booked', now_ms) end
  if touched[who] then changed_contact(who, now_ms) end
end

redis.call('ZREM', KEYS[1], id)
if look_ms ~= '' then
  redis.call('ZADD', KEYS[1], 'LT', look_ms, outcome.look)
  schedule('bookings', outcome.look, look_ms)
end
return 1
