--   suppressed  HASH  address hash → `reason ms`: no further mail, in no campaign; ` forgotten` behind it when nothing
--                     else may be kept of that contact

local suppression = {}

function suppression.reason(address_hash)
  return string.match(address_hash and redis.call('HGET', keys.suppressed, address_hash) or '', '^%S+')
end

function suppression.is_forgotten(address_hash)
  return string.find(redis.call('HGET', keys.suppressed, address_hash) or '', ' forgotten$') ~= nil
end

-- An earlier version suppressed a spelling, whose mailbox is known only now.
function suppression.adopt(spelled_hash, address_hash)
  local line = spelled_hash and redis.call('HGET', keys.suppressed, spelled_hash)
  if not line then return end
  if suppression.is_forgotten(spelled_hash) then
    redis.call('HSET', keys.suppressed, address_hash, line)
  else
    redis.call('HSETNX', keys.suppressed, address_hash, line)
  end
  redis.call('HDEL', keys.suppressed, spelled_hash)
  redis.call('HSET', keys.aliases, spelled_hash, address_hash)
end

return suppression
