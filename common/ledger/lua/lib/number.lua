-- The calls that a phone number was written to about, so that an answer from the number reaches their contacts.
--   numbers:<number hash>  SET   guest
--   guest:<gst>            HASH  number_hash: of the last number that was written to about this call

local number = {}

function number.note(owner, number_hash)
  local before = redis.call('HGET', owner.key, 'number_hash')
  if before == number_hash then return end
  if before then redis.call('SREM', keys.numbers .. before, owner.id) end
  redis.call('HSET', owner.key, 'number_hash', number_hash)
  redis.call('SADD', keys.numbers .. number_hash, owner.id)
end

function number.forget(guest_key, id)
  local number_hash = redis.call('HGET', guest_key, 'number_hash')
  if number_hash then redis.call('SREM', keys.numbers .. number_hash, id) end
end

return number
