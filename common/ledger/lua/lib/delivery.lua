-- What all transitions of a delivery share, whatever its kind and channel.
--   delivery:<id>  HASH  an open delivery, from its first claim to its end; a dead letter's stays
--     claim_id, claimed_ms, fence    who holds it (`worker#number of the call`; '' nobody), since when, number of claims
--     due_ms, not_before_ms, wait_ms  when it was due; time of the next attempt; how far ahead that was written
--     payload, first_attempt_ms      the mail, byte for byte; time of the first attempt
--     version                        of the campaign, which rendered the payload
--     attempted_ms                   time of the last attempt
--     attempts, failures             that reached for the provider; of those, the ones that count
--     in_progress                    1 while an attempt is under way
--     outcome_unknown                1 once the outcome of an attempt stayed unknown
--     last_error                     of the last failure
--     crashes, counted_claim_id      claims in a row whose worker died or forgot them; the last one that was counted
--     replayed                       1 when a person asked for it again: it knows no gap and no order
--     probed                         1 when an attempt of unknown outcome was made while everything waited
--     key_conflict                   1 when the provider said that it has another payload under this key
--     reported                       `accepted_ms provider_id`: a webhook reported it while it was in hand
--     replay_requested_ms, replay_refused   of a dead letter: when a person asked; why a worker left it
--   open  ZSET  delivery → time at which something must happen to it, ms
--   dead  ZSET  delivery → time at which it became a dead letter, ms
-- uses: channel, queue, records, sequence, timeline

local delivery = {}

local UNKNOWN = ', while the outcome of an earlier attempt was unknown'

local function unschedule(id)
  redis.call('ZREM', keys.open, id)
  redis.call('ZREM', keys.dead, id)
  queue.unschedule(channel.queue_of(id), id)
end

function delivery.schedule(id, due_ms)
  due_ms = queue.schedule(channel.queue_of(id), id, due_ms)
  redis.call('ZADD', keys.open, due_ms, id)
  return due_ms
end

-- Each sent mail keeps the version that rendered it: `versions` of its owner is a version, the names of its mails, …
local function note_version(owner, name, version)
  local noted = redis.call('HGET', owner.key, 'versions')
  local newest = string.match(noted or '', '.*@(%x+)')
  local text = newest == version and noted .. ' ' .. name or (noted and noted .. ' ' or '') .. '@' .. version .. ' ' .. name
  redis.call('HSET', owner.key, 'versions', text)
end

-- Nothing is deferred for longer: a retry's delay, a provider's word, the minimum gap.
local DEFER_MAX_MS = 86400000

function delivery.defer(key, until_ms, now_ms)
  redis.call('HSET', key, 'not_before_ms', until_ms, 'wait_ms', math.max(until_ms - now_ms, 0))
end

-- Whether a planned delivery that nobody has in hand could go now or within two seconds, also because the time that it waits
-- for lies too far ahead; and whether it was claimed before.
function delivery.could_go(id, due_ms, now_ms)
  local claim_id, not_before_ms, wait_ms =
    unpack(redis.call('HMGET', keys.delivery .. id, 'claim_id', 'not_before_ms', 'wait_ms'))
  if claim_id and claim_id ~= '' then return false, true end
  not_before_ms = tonumber(not_before_ms or redis.call('ZSCORE', keys.open, id) or due_ms)
  local is_near = not_before_ms <= now_ms + 2000 or queue.is_too_far(not_before_ms, now_ms, wait_ms or DEFER_MAX_MS)
  return is_near, claim_id == ''
end

-- Of an open delivery, as read: the time of its next attempt, now when that lies too far ahead; nil: it was never deferred.
function delivery.not_before_ms(open, now_ms)
  if not open.not_before_ms then return end
  return queue.bounded('deferral', open.not_before_ms, now_ms, open.wait_ms or DEFER_MAX_MS)
end

-- The provider has it.
--   given  at_ms: of the record; sent_ms: when the provider accepted it; provider_id; paced: the minimum gap counts from it
function delivery.accept(owner, name, now_ms, given)
  local id = owner.id .. '/' .. name
  local attempts, version = unpack(redis.call('HMGET', keys.delivery .. id, 'attempts', 'version'))
  attempts = attempts or 0
  redis.call('DEL', keys.delivery .. id)
  unschedule(id)
  delivery.end_sending(owner, name)
  if version then note_version(owner, name, version) end
  records.write(owner, name, 'accepted', given.at_ms, attempts, given.sent_ms, given.provider_id)
  if given.paced then sequence.note_sent(owner, given.sent_ms) end
  sequence.advance(owner, now_ms)
end

-- A webhook reports a delivery that the ledger does not know as accepted: it was, at sent_ms.
function delivery.accept_as_reported(owner, name, label, now_ms, sent_ms, provider_id, paced)
  timeline.add(owner.contact, now_ms, 'found', label .. ': the provider tells of it')
  delivery.accept(owner, name, now_ms, {at_ms = sent_ms, sent_ms = sent_ms, provider_id = provider_id, paced = paced})
end

-- It is not sent, for good or until its owner changes. What an earlier attempt may have done is said.
function delivery.skip(owner, name, now_ms, reason)
  local id = owner.id .. '/' .. name
  local attempts, unknown, in_progress =
    unpack(redis.call('HMGET', keys.delivery .. id, 'attempts', 'outcome_unknown', 'in_progress'))
  if unknown == '1' or in_progress == '1' then reason = reason .. UNKNOWN end
  redis.call('DEL', keys.delivery .. id)
  unschedule(id)
  records.write(owner, name, 'skipped', now_ms, attempts or 0, nil, reason)
  sequence.advance(owner, now_ms)
end

-- It ends as a dead letter: its payload is kept, so that a replay can send the same bytes. The worker that had claimed it settles
-- nothing any more, because the fence counts on.
function delivery.make_dead_letter(owner, name, label, now_ms, reason)
  local id = owner.id .. '/' .. name
  local key = keys.delivery .. id
  unschedule(id)
  records.write(owner, name, 'dead', now_ms, redis.call('HGET', key, 'attempts') or 0, nil, reason)
  redis.call('HSET', key, 'claim_id', '', 'in_progress', 0)
  redis.call('HINCRBY', key, 'fence', 1)
  redis.call('HDEL', key, 'crashes', 'replay_requested_ms', 'replay_refused')
  redis.call('ZADD', keys.dead, now_ms, id)
  timeline.add(owner.contact, now_ms, 'dead letter', label .. ': ' .. reason)
  sequence.advance(owner, now_ms)
end

function delivery.end_sending(owner, name)
  local sending = redis.call('HGET', owner.key, 'sending')
  if sending and string.match(sending, '^%S+') == name then redis.call('HDEL', owner.key, 'sending') end
end

-- Would one more crash of a worker make it a dead letter?
function delivery.is_last_crash(key)
  return tonumber(redis.call('HGET', key, 'crashes') or 0) + 1 >= limits.crashes_max
end

-- What a webhook reported while it was in hand: when it was accepted, and the provider's id.
function delivery.reported(key)
  local accepted_ms, provider_id = string.match(redis.call('HGET', key, 'reported') or '', '^(%S+) (.*)$')
  return tonumber(accepted_ms), provider_id
end

-- Does the worker that holds this claim live?
function delivery.is_claimed(claim_id)
  return claim_id and claim_id ~= '' and queue.is_alive(string.match(claim_id, '^[^#]*'))
end

return delivery
