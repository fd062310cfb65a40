-- The owner of a delivery is an enrollment, which is its own contact, or a booking guest, whose contact is the
-- enrollment that their address has or would have.
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

local SENT = {accepted = true, delivered = true, bounced = true, complained = true}

-- Return whether a delivery of one of these triggers was sent.
function owners.has_sent(fields, triggers)
  for field, line in pairs(fields) do
    local trigger = SENT[string.match(line, '^%S+')] and string.match(field, '^/([^/]+)/')
    for _, one in ipairs(trigger and triggers or {}) do
      if trigger == one then return true end
    end
  end
  return false
end

-- Return whether the contact has another call, in one of the states of `later_calls`, that starts after the time in the
-- field `since`.
local function has_later_call(fields, requires)
  local calls = redis.call('HGETALL', keys.contact .. (fields.contact or ''))
  local since_ms = tonumber(fields[requires.since] or 0)
  for i = 1, #calls, 2 do
    local start_ms, state = string.match(calls[i + 1], '^(%d+) %d+ (.*)$')
    local is_call = start_ms and string.find(calls[i], '^call:')
    if is_call and requires.later_calls[state] and tonumber(start_ms) > since_ms then return true end
  end
  return false
end

-- Return why a follow-up must not be sent although its call has the required state; nil: it may.
local function follow_up_refusal(fields, requires)
  local reason = redis.call('HGET', keys.enrollment .. (fields.contact or ''), 'exit_reason')
  if reason and requires.left_by[reason] then return reason end
  if owners.has_sent(fields, requires.other_triggers) then return requires.sent_before end
  if has_later_call(fields, requires) then return requires.booked_again end
end

-- Return why this delivery must not be sent, apart from a suppression; nil: it may.
--   requires    state: that the owner must have; start_ms: likewise, nil: any; nil: nothing
--               left_by: set for a follow-up: reasons for the end of its contact's enrollment that forbid it, with
--               other_triggers, sent_before: none of these was sent, otherwise sent_before is the reason
--               since, later_calls, booked_again: no call in these states starts after the time in that field,
--               otherwise booked_again is the reason
--   expires_ms  from this time on it is not sent; nil: it does not expire
function owners.refusal(fields, requires, expires_ms, now_ms)
  if fields.status == 'exited' then return fields.exit_reason end
  if requires and fields.state ~= requires.state then return fields.state end
  if requires and requires.start_ms and tonumber(fields.start_ms) ~= requires.start_ms then return 'moved' end
  if requires and requires.left_by then
    local reason = follow_up_refusal(fields, requires)
    if reason then return reason end
  end
  if expires_ms and expires_ms <= now_ms then return 'expired' end
end

return owners
