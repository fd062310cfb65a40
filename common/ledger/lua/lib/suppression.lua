-- Addresses that get no mail: for good, or until a person releases them.
--   suppressed    HASH  address hash → `reason ms`: no further mail, in no campaign; ` forgotten` behind it when nothing
--                       else may be kept of that contact
--   unsuppressed  HASH  address hash → `ms detail`: they asked then to come back, and how, also of an unknown contact;
--                       what was reported of before suppresses no longer
--   resting       HASH  address hash → `ms bounces`: its mailbox took none of that many mails in a row
--   soft_bounces:<address hash>  HASH  delivery → time of its mailbox bounce, ms, since the last delivery

local suppression = {}

-- What is due for a resting address is looked at again so much later.
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

-- The first reason stays, and of one reason its first time, so that order never matters; but who complained has complained,
-- whatever came first. Answers whether anything changed.
function suppression.add(address_hash, reason, at_ms)
  at_ms = tonumber(at_ms)
  if at_ms <= (unsuppressed_ms(address_hash) or 0) then return false end
  local known, since_ms, rest =
    string.match(redis.call('HGET', keys.suppressed, address_hash) or '', '^(%S+) (%d+)(.*)$')
  if known == reason and tonumber(since_ms) <= at_ms then return false end
  if known and known ~= reason and reason ~= 'complained' then return false end
  redis.call('HSET', keys.suppressed, address_hash, reason .. ' ' .. string.format('%.0f', at_ms) .. (rest or ''))
  return true
end

-- Nothing else is kept of this contact; how they once came back, in somebody's words, is not either.
function suppression.forget(address_hash, now_ms)
  suppression.wake(address_hash)
  local came_back_ms = unsuppressed_ms(address_hash)
  if came_back_ms then redis.call('HSET', keys.unsuppressed, address_hash, string.format('%.0f', came_back_ms)) end
  if suppression.is_forgotten(address_hash) then return end
  local known = redis.call('HGET', keys.suppressed, address_hash) or 'unsubscribed ' .. string.format('%.0f', now_ms)
  redis.call('HSET', keys.suppressed, address_hash, known .. ' forgotten')
end

-- Answers whether it was resting.
function suppression.wake(address_hash)
  redis.call('DEL', keys.soft_bounces .. address_hash)
  return redis.call('HDEL', keys.resting, address_hash) == 1
end

-- An earlier version suppressed a spelling, whose mailbox is known only now.
function suppression.adopt(spelled_hash, address_hash)
  local reason, since_ms = string.match(spelled_hash and redis.call('HGET', keys.suppressed, spelled_hash) or '', '^(%S+) (%d+)')
  if not reason then return end
  suppression.add(address_hash, reason, since_ms)
  if suppression.is_forgotten(spelled_hash) then suppression.forget(address_hash, since_ms) end
  redis.call('HDEL', keys.suppressed, spelled_hash)
  redis.call('HSET', keys.aliases, spelled_hash, address_hash)
end

return suppression
