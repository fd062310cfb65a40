-- Whose a delivery is. An enrollment is its own contact; of a booking guest the contact is the enrollment that their
-- address has or would have.
--   enrollment:<enr>  HASH  one contact in one campaign, see codec.py
--   guest:<bkg>       HASH  one person whose call a booking is, see booking_codec.py
-- Fields that both have: campaign, address_hash, and the records of their deliveries, see records.lua.

local owners = {}

function owners.of(id)
  if string.find(id, '^enr_') then return {id = id, key = keys.enrollment .. id, contact = id, is_enrollment = true} end
  local key = keys.guest .. id
  return {id = id, key = key, contact = redis.call('HGET', key, 'contact') or ''}
end

function owners.fields(owner)
  local fields, flat = {}, redis.call('HGETALL', owner.key)
  for i = 1, #flat, 2 do fields[flat[i]] = flat[i + 1] end
  return fields
end

-- Why this delivery must not be sent, apart from a suppression.
--   requires    {state, start_ms} that the owner must have, nil: nothing
--   expires_ms  from then on it is not sent, nil: never
function owners.refusal(fields, requires, expires_ms, now_ms)
  if fields.status == 'exited' then return fields.exit_reason end
  if requires and fields.state ~= requires.state then return fields.state end
  if requires and tonumber(fields.start_ms) ~= requires.start_ms then return 'moved' end
  if expires_ms and expires_ms <= now_ms then return 'expired' end
end

return owners
