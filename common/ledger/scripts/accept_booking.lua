-- accept_booking(KEYS = [webhook, booking],
--                ARGV = [booking id, digest, event, received_ms, remember_ms, campaign, mark or '', linked node, …])
--   → [0, event] | [1, event or ''] answered before
--   webhook  STRING  `booking id digest`: the event that was answered under this id
--   booking  HASH    digest → event, JSON: all that was told of one uid
--   mark: of the address that the event names
-- Remember the webhook id, keep the event, link its booking to others, ask for it to be looked at: all of it or nothing.
-- What an event means is decided later, from all of them.

local webhook, booking = KEYS[1], KEYS[2]
local id, digest, event, received_ms, remember_ms, campaign, mark = unpack(ARGV, 1, 7)

local given = redis.call('GET', webhook)
if given then
  local known, which = string.match(given, '^(%S+) (%S+)$')
  return {1, redis.call('HGET', P .. 'booking:' .. known, which) or ''}
end

-- Of a person who was forgotten, and of the calls they had, nothing is kept again but that this id was answered.
if is_forgotten(mark) or redis.call('SISMEMBER', P .. 'forgotten', id) == 1 then
  redis.call('SET', webhook, id .. ' ' .. digest, 'PX', remember_ms)
  return {0, event}
end

redis.call('HSETNX', booking, digest, event)
redis.call('HSETNX', P .. 'meeting:' .. id, 'campaign', campaign)
for i = 8, #ARGV do
  redis.call('SADD', P .. 'links:' .. id, ARGV[i])
  redis.call('SADD', P .. 'links:' .. ARGV[i], id)
end
redis.call('SET', webhook, id .. ' ' .. digest, 'PX', remember_ms)
redis.call('ZADD', P .. 'bookings', received_ms, id)
-- A job of its own for each event: one that comes while the last is being looked at is never taken for the same.
schedule('bookings', id .. '/' .. digest, received_ms)
return {0, event}
