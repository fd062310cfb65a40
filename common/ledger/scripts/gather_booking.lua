-- gather_booking(KEYS = [booking], ARGV = [booking id]) → [[event, …], [contact, …], campaign]
--   booking  HASH  digest → event, JSON
-- Everything that was told of the series of this booking, and the contacts it was kept with so far.

local events, contacts = {}, {}
for _, node in ipairs(series(ARGV[1])) do
  for _, event in ipairs(redis.call('HVALS', P .. 'booking:' .. node)) do events[#events + 1] = event end
  local contact = redis.call('HGET', P .. 'meeting:' .. node, 'contact')
  if contact then contacts[#contacts + 1] = contact end
end
return {events, contacts, redis.call('HGET', P .. 'meeting:' .. ARGV[1], 'campaign') or ''}
