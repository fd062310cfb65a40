-- Decisions about an address, by a person of the team or from the provider's list.
--   JSON of every entry point   address_hash; spelled_hash: of the address as it was given, where that differs
--                               contacts: [those that the address has or would have, one for each campaign]; now_ms
--                               detail: who or what decided, for the timeline
--   unlisted  ZSET  contact who left all mail → since when, ms: the provider's own list lacks their address so far
-- uses: sequence, suppression, timeline

local suppressions = {}

local function read()
  local given = cjson.decode(ARGV[1])
  suppression.adopt(given.spelled_hash, given.address_hash)
  return given
end

local function is_known(contact)
  return redis.call('EXISTS', keys.enrollment .. contact, keys.contact .. contact) > 0
end

-- Return the contact under which a worker can read the address.
local function first_known(contacts)
  for _, contact in ipairs(contacts) do
    if is_known(contact) then return contact end
  end
  return contacts[1]
end

local function note(given, what)
  for _, contact in ipairs(given.contacts) do
    if is_known(contact) then timeline.add(contact, given.now_ms, what, given.detail) end
  end
end

-- suppress(KEYS = [suppressed], ARGV = [JSON]) → 1 | 0 it was already, and the reason stays
--   JSON  also reason; at_ms: since when; is_unlisted: the address must be added to the provider's own list
function suppressions.suppress()
  local given = read()
  if not suppression.add(given.address_hash, given.reason, given.at_ms) then return 0 end
  note(given, 'suppressed')
  if given.is_unlisted then redis.call('ZADD', keys.unlisted, given.now_ms, first_known(given.contacts)) end
  for _, contact in ipairs(given.contacts) do sequence.exit(contact, given.reason, given.now_ms) end
  return 1
end

-- unsuppress(KEYS = [suppressed], ARGV = [JSON]) → 'done' | 'not suppressed' | 'complained': it stays
-- Enrollments that have ended remain so. For a contact who was forgotten, new data may be stored again.
function suppressions.unsuppress()
  local given = read()
  local reason = suppression.reason(given.address_hash)
  if not reason then return 'not suppressed' end
  if reason == 'complained' then return reason end
  redis.call('HDEL', KEYS[1], given.address_hash)
  redis.call('HSET', keys.unsuppressed, given.address_hash, string.format('%.0f', given.now_ms) .. ' ' .. given.detail)
  redis.call('ZREM', keys.unlisted, unpack(given.contacts))
  suppression.wake(given.address_hash)
  note(given, 'unsuppressed')
  return 'done'
end

-- refuse(KEYS = [unsuppressing], ARGV = [contact, now_ms, detail]) → 1 | 0 there is no such request any more
-- Refuse the request of a person of the team that the contact may come back; the timeline says why.
function suppressions.refuse()
  local contact, now_ms, detail = unpack(ARGV)
  if redis.call('HDEL', KEYS[1], contact) == 0 then return 0 end
  if is_known(contact) then timeline.add(contact, now_ms, 'still suppressed', detail) end
  return 1
end

-- release(KEYS = [resting], ARGV = [JSON]) → 1 | 0 it was not resting
function suppressions.release()
  local given = read()
  if not suppression.wake(given.address_hash) then return 0 end
  note(given, 'released')
  return 1
end

return suppressions
