--   suppressed  HASH  address hash → `reason ms`: no further mail, in no campaign; ` forgotten` behind it when nothing
--                     else may be kept of that contact

local suppression = {}

function suppression.reason(address_hash)
  return string.match(address_hash and redis.call('HGET', keys.suppressed, address_hash) or '', '^%S+')
end

function suppression.is_forgotten(address_hash)
  return string.find(redis.call('HGET', keys.suppressed, address_hash) or '', ' forgotten$') ~= nil
end

return suppression
