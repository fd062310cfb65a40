-- The record of each delivery of an owner, which is an enrollment or a booking guest: a field of the owner's HASH,
-- named `/` and the delivery's name, so that the owner's id and the field together are the delivery's id.
--   `planned due_ms`                        it waits, or is being processed
--   `status at_ms attempts sent detail`     status: accepted, delivered, bounced, complained, skipped, dead
--                                           sent: how much later than at_ms the provider accepted it, in ms and with a
--                                           sign, mostly `+0`; `0`: never. detail: the provider's id, or the reason
--   feedback:<owner>  HASH  `name kind` → `first_ms count detail`: what the provider reported of each delivery
-- uses: counts

local records = {}

function records.status(line)
  return string.match(line or '', '^%S+')
end

function records.due_ms(line)
  return tonumber(string.match(line or '', '^planned (%d+)'))
end

function records.detail(line)
  return string.match(line, '^%S+ %S+ %S+ %S+ (.*)$')
end

-- What the provider may report, and the status that follows from it. The order is that of importance, not of time: the
-- first of these that was reported decides.
local REPORTED = {
  {'complained', 'complained'}, {'bounced', 'bounced'}, {'suppressed', 'bounced'}, {'delivered', 'delivered'},
}

function records.reported(owner, name)
  for _, pair in ipairs(REPORTED) do
    local line = redis.call('HGET', keys.feedback .. owner.id, name .. ' ' .. pair[1])
    if line then return pair[2], tonumber(string.match(line, '^%d+')) end
  end
end

local function uncount(owner, name)
  local status = records.status(redis.call('HGET', owner.key, '/' .. name))
  if status and status ~= 'planned' then counts.add('delivery:' .. status, -1) end
end

-- Delete the record, as if nothing had become of the delivery yet.
function records.remove(owner, name)
  uncount(owner, name)
  redis.call('HDEL', owner.key, '/' .. name)
end

function records.plan(owner, name, due_ms)
  uncount(owner, name)
  redis.call('HSET', owner.key, '/' .. name, 'planned ' .. string.format('%.0f', due_ms))
end

-- sent_ms: when the provider accepted it; nil: never.
function records.write(owner, name, status, at_ms, attempts, sent_ms, detail)
  if status == 'accepted' then
    local reported, reported_ms = records.reported(owner, name)
    if reported then status, at_ms = reported, reported_ms end
  end
  uncount(owner, name)
  local sent = sent_ms and string.format('%+.0f', sent_ms - at_ms) or '0'
  redis.call('HSET', owner.key, '/' .. name, table.concat({status, at_ms, attempts, sent, detail}, ' '))
  counts.add('delivery:' .. status, 1)
end

return records
