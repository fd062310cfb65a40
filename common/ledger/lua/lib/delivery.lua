-- The transitions of a delivery that all kinds and channels share.
--   delivery:<id>  HASH  an open delivery, from its first claim to its end; a dead letter's stays
--     claim_id, claimed_ms, fence    who holds it (`worker#number of the call`; '' none), since when, number of claims
--     due_ms, not_before_ms, wait_ms  when it was due; time of the next attempt; how far ahead that was when written
--     payload, first_attempt_ms      the mail, byte for byte; time of the first attempt
--     version                        the version of the campaign that rendered the payload
--     attempted_ms                   time of the last attempt
--     attempts, failures             requests that may have reached the provider; those that count as failures
--     in_progress                    1 while an attempt is under way
--     outcome_unknown                1 once the outcome of an attempt stayed unknown
--     last_error                     detail of the last failure
--     crashes, counted_claim_id      claims in a row whose worker died or forgot them; the last claim that was counted
--     replayed                       1 when a person asked for it again: neither the minimum gap nor the order applies
--     probed                         1 when an attempt of unknown outcome was made while all waited for the provider
--     key_conflict                   1 when the provider said that it has another payload under this key
--     reported                       `accepted_ms provider_id`: a webhook reported it while a worker was processing it
--     replay_requested_ms, replay_refused   of a dead letter: when a person requested a replay; why a worker refused it
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

-- Store which version rendered a sent mail. `versions` of its owner: a version, the names of its mails, another one…
local function note_version(owner, name, version)
  local noted = redis.call('HGET', owner.key, 'versions')
  local newest = string.match(noted or '', '.*@(%x+)')
  local text = newest == version and noted .. ' ' .. name or (noted and noted .. ' ' or '') .. '@' .. version .. ' ' .. name
  redis.call('HSET', owner.key, 'versions', text)
end

-- The longest deferral: a retry's delay, a wait that the provider demands, the minimum gap.
local DEFER_MAX_MS = 86400000

function delivery.defer(key, until_ms, now_ms)
  redis.call('HSET', key, 'not_before_ms', until_ms, 'wait_ms', math.max(until_ms - now_ms, 0))
end

-- Return whether a planned delivery that no worker is processing could be sent now or within two seconds, and whether
-- it was claimed before. A wait that ends too far ahead counts as over.
function delivery.could_go(id, due_ms, now_ms)
  local claim_id, not_before_ms, wait_ms =
    unpack(redis.call('HMGET', keys.delivery .. id, 'claim_id', 'not_before_ms', 'wait_ms'))
  if claim_id and claim_id ~= '' then return false, true end
  not_before_ms = tonumber(not_before_ms or redis.call('ZSCORE', keys.open, id) or due_ms)
  local is_near = not_before_ms <= now_ms + 2000 or queue.is_too_far(not_before_ms, now_ms, wait_ms or DEFER_MAX_MS)
  return is_near, claim_id == ''
end

-- Return the time of the next attempt, from the fields of an open delivery: now when it lies too far ahead, nil when
-- the delivery was never deferred.
function delivery.not_before_ms(open, now_ms)
  if not open.not_before_ms then return end
  return queue.bounded('deferral', open.not_before_ms, now_ms, open.wait_ms or DEFER_MAX_MS)
end

-- Record that the provider accepted it.
--   given  at_ms: of the record; sent_ms: when the provider accepted it; provider_id
--          paced: the minimum gap counts from it
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

-- Record an acceptance at sent_ms that the ledger knows only from the provider's report, a webhook or its list.
function delivery.accept_as_reported(owner, name, label, now_ms, sent_ms, provider_id, paced)
  timeline.add(owner.contact, now_ms, 'found', label .. ': reported by the provider')
  delivery.accept(owner, name, now_ms, {at_ms = sent_ms, sent_ms = sent_ms, provider_id = provider_id, paced = paced})
end

-- Skip it, permanently or until its owner changes. The reason mentions an earlier attempt of unknown outcome.
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

-- End it as a dead letter. Its payload is kept, so that a replay can send the same bytes. The fence is raised, so that
-- the worker that had claimed it cannot settle it any more.
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

-- Return whether one more crash of a worker would make it a dead letter.
function delivery.is_last_crash(key)
  return tonumber(redis.call('HGET', key, 'crashes') or 0) + 1 >= limits.crashes_max
end

-- Return what a webhook reported while a worker was processing it: when it was accepted, and the provider's id.
function delivery.reported(key)
  local accepted_ms, provider_id = string.match(redis.call('HGET', key, 'reported') or '', '^(%S+) (.*)$')
  return tonumber(accepted_ms), provider_id
end

-- Return whether the worker that holds this claim is alive.
function delivery.is_claimed(claim_id)
  return claim_id and claim_id ~= '' and queue.is_alive(string.match(claim_id, '^[^#]*'))
end

return delivery
