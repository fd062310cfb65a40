-- Addresses that get no mail: permanently, or until a person releases them.
--   suppressed    HASH  address hash → `reason ms`: no further mail, in no campaign; followed by ` forgotten` when
--                       nothing else may be stored of that contact
--   unsuppressed  HASH  address hash → `ms detail`: when and how they asked to come back, also an unknown contact;
--                       what was reported of a time before that no longer suppresses
--   resting       HASH  address hash → `ms bounces`: since when; how many mails in a row its mailbox refused
--   soft_bounces:<address hash>  HASH  delivery → time of its mailbox bounce, ms, since the last mail was delivered

local suppression = {}

-- A delivery to a resting address is tried again after this time.
suppression.WAIT_MS = 600000

function suppression.reason(address_hash)
  return string.match(address_hash and redis.call('HGET', keys.suppressed, address_hash) or '', '^%S+')
end

function suppression.is_forgotten(address_hash)
  return string.find(redis.call('HGET', keys.suppressed, address_hash) or '', ' forgotten$') ~= nil
end

function suppression.is_resting(address_hash)
  return address_hash and redis.call('HEXISTS', keys.resting, address_hash) == 1
end

local function unsuppressed_ms(address_hash)
  return tonumber(string.match(redis.call('HGET', keys.unsuppressed, address_hash) or '', '^%d+'))
end

-- What a person wants says more than what a mailbox reports, and ends every channel; see `ExitReason`.
local RANKS = {stopped = 0, left = 0, bounced = 1, refused = 1, unknown = 1, unsubscribed = 2, suppressed = 2,
  complained = 3}

-- Return whether a reason replaces the one that is known; nil: none is. Of two of one rank the first stays.
function suppression.outranks(reason, known)
  return not known or RANKS[reason] > RANKS[known]
end

-- Suppress an address. Of several reasons the highest stays, with its earliest time, so that the order of reports does
-- not matter. Return whether the reason changed.
function suppression.add(address_hash, reason, at_ms)
  at_ms = tonumber(at_ms)
  if at_ms <= (unsuppressed_ms(address_hash) or 0) then return false end
  local known, since_ms, rest =
    string.match(redis.call('HGET', keys.suppressed, address_hash) or '', '^(%S+) (%d+)(.*)$')
  if known == reason and tonumber(since_ms) <= at_ms then return false end
  if known ~= reason and not suppression.outranks(reason, known) then return false end
  redis.call('HSET', keys.suppressed, address_hash, reason .. ' ' .. string.format('%.0f', at_ms) .. (rest or ''))
  return known ~= reason
end

-- Mark that nothing else may be stored of this contact. The words with which they once came back are deleted too.
function suppression.forget(address_hash, now_ms)
  suppression.wake(address_hash)
  local came_back_ms = unsuppressed_ms(address_hash)
  if came_back_ms then redis.call('HSET', keys.unsuppressed, address_hash, string.format('%.0f', came_back_ms)) end
  if suppression.is_forgotten(address_hash) then return end
  local known = redis.call('HGET', keys.suppressed, address_hash) or 'unsubscribed ' .. string.format('%.0f', now_ms)
  redis.call('HSET', keys.suppressed, address_hash, known .. ' forgotten')
end

-- Send to a resting address again. Return whether it was resting.
function suppression.wake(address_hash)
  redis.call('DEL', keys.soft_bounces .. address_hash)
  return redis.call('HDEL', keys.resting, address_hash) == 1
end

-- Move a suppression to its mailbox: an earlier version stored it for a spelling, whose mailbox is known only now.
function suppression.adopt(spelled_hash, address_hash)
  local reason, since_ms = string.match(spelled_hash and redis.call('HGET', keys.suppressed, spelled_hash) or '', '^(%S+) (%d+)')
  if not reason then return end
  suppression.add(address_hash, reason, since_ms)
  if suppression.is_forgotten(spelled_hash) then suppression.forget(address_hash, since_ms) end
  redis.call('HDEL', keys.suppressed, spelled_hash)
  redis.call('HSET', keys.aliases, spelled_hash, address_hash)
end

return suppression
