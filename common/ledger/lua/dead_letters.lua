-- Decisions about a dead letter, by a person or from the provider's list. JSON as in deliveries.lua, and
--   dead_since_ms  when it became one, as the caller read it; if that has changed, nothing happens
-- KEYS = [delivery, dead]: HASH and ZSET, see delivery.lua
-- uses: delivery, owners, queue, records, sequence, timeline

local dead_letters = {}

local function is_as_read(id, dead_since_ms)
  local since_ms = tonumber(redis.call('ZSCORE', KEYS[2], id))
  return since_ms ~= nil and (dead_since_ms == nil or since_ms == dead_since_ms)
end

-- replay(KEYS, ARGV = [JSON]) → 1 | 0 not a dead letter, or not as it was read
--   JSON  also way  fresh  rendered again: only if the provider certainly does not have it
--                   same   the same bytes under the same key, while the provider remembers the key; later its list is
--                          searched
--                   again  the same bytes as if never tried: a person decided so after a search found nothing
-- It is planned again, due at once, and keeps its number of attempts. After its expiry it is skipped.
function dead_letters.replay()
  local given = cjson.decode(ARGV[1])
  local id, key = given.owner .. '/' .. given.name, KEYS[1]
  if not is_as_read(id, given.dead_since_ms) then return 0 end
  local owner = owners.of(given.owner)
  redis.call('ZREM', KEYS[2], id)
  records.plan(owner, given.name, redis.call('HGET', key, 'due_ms') or given.now_ms)
  redis.call('HSET', key, 'claim_id', '', 'failures', 0, 'not_before_ms', given.now_ms, 'replayed', 1)
  if given.way == 'fresh' then redis.call('HDEL', key, 'payload') end
  if given.way ~= 'same' then
    redis.call('HDEL', key, 'first_attempt_ms', 'outcome_unknown', 'probed', 'key_conflict')
  end
  delivery.schedule(id, given.now_ms)
  timeline.add(owner.contact, given.now_ms, 'replayed', given.label)
  sequence.advance(owner, given.now_ms)
  return 1
end

-- accept(KEYS, ARGV = [JSON]) → 1 | 0 not a dead letter, or not as it was read
--   JSON  also sent_ms, provider_id: as the provider lists it
-- The provider turns out to have accepted it.
function dead_letters.accept()
  local given = cjson.decode(ARGV[1])
  if not is_as_read(given.owner .. '/' .. given.name, given.dead_since_ms) then return 0 end
  local owner = owners.of(given.owner)
  timeline.add(owner.contact, given.now_ms, 'found', given.label .. ': the provider had accepted it')
  delivery.accept(owner, given.name, given.now_ms,
    {at_ms = given.now_ms, sent_ms = given.sent_ms, provider_id = given.provider_id, paced = given.paced})
  return 1
end

-- discard(KEYS, ARGV = [JSON]) → 1 | 0 not a dead letter, or not as it was read
-- A person decided that it must not be sent. Its status remains `dead`, with the reason it had.
function dead_letters.discard()
  local given = cjson.decode(ARGV[1])
  local id = given.owner .. '/' .. given.name
  if not is_as_read(id, given.dead_since_ms) then return 0 end
  redis.call('ZREM', KEYS[2], id)
  redis.call('DEL', KEYS[1])
  timeline.add(owners.of(given.owner).contact, given.now_ms, 'discarded', given.label)
  return 1
end

-- request_replay(KEYS, ARGV = [JSON]) → 1 | 0 not a dead letter, or not as it was read
-- The actor `replay` does it. A second request changes nothing.
function dead_letters.request_replay()
  local given = cjson.decode(ARGV[1])
  local id = given.owner .. '/' .. given.name
  if not is_as_read(id, given.dead_since_ms) then return 0 end
  redis.call('HSET', KEYS[1], 'replay_requested_ms', given.now_ms)
  redis.call('HDEL', KEYS[1], 'replay_refused')
  queue.schedule('replay', id, given.now_ms)
  return 1
end

-- refuse_replay(KEYS, ARGV = [JSON]) → 1 | 0 not a dead letter, or not as it was read
--   JSON  also reason
function dead_letters.refuse_replay()
  local given = cjson.decode(ARGV[1])
  if not is_as_read(given.owner .. '/' .. given.name, given.dead_since_ms) then return 0 end
  redis.call('HDEL', KEYS[1], 'replay_requested_ms')
  redis.call('HSET', KEYS[1], 'replay_refused', given.reason)
  timeline.add(owners.of(given.owner).contact, given.now_ms, 'not replayed', given.label .. ': ' .. given.reason)
  return 1
end

return dead_letters
