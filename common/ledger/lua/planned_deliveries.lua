-- Decisions of a person of the team about a mail that is still to be sent. JSON as in deliveries.lua, and
--   by         who, for the timeline
--   following  [{name, after_ms: after the anchor}], the steps after it
--   version    of the owner's campaign, as the caller knows it; refused when another one is in force
--   call_id    of this call, so that one whose answer was lost can be repeated
-- KEYS = [owner, delivery]: HASH, see owners.lua; HASH, see delivery.lua
-- The answers of every entry point
--   ['done', when it is sent, or ''] | ['already', status] | ['sending', ''] a worker is sending it just now
--   | ['over', status of the enrollment, or why nothing more is sent of the call] | ['paused', reason]
--   | ['later', ''] another mail is sent first, or it was never planned | ['another version', version]
-- uses: delivery, in_force, owners, pause, queue, records, sequence, timeline

local planned_deliveries = {}

local JUMP_MS = 60000

-- Return whether a live worker is making an attempt. A delivery that was only claimed is stopped by its freeze.
local function is_sending(key, now_ms)
  local in_progress, claim_id, claimed_ms = unpack(redis.call('HMGET', key, 'in_progress', 'claim_id', 'claimed_ms'))
  return in_progress == '1' and delivery.is_claimed(claim_id) and math.abs(now_ms - claimed_ms) < limits.lease_ms
end

-- Return why nothing more is sent to this owner; nil: something may be sent.
local function end_reason(owner, fields, given)
  if not owner.is_enrollment then return owners.refusal(fields, given.requires, given.expires_ms, given.now_ms) end
  if fields.status ~= 'active' then return fields.status or '' end
end

local function refusal(owner, fields, given)
  local line = fields['/' .. given.name]
  if line and records.status(line) ~= 'planned' then return {'already', records.status(line)} end
  local over = end_reason(owner, fields, given)
  if over then return {'over', over} end
  local version = in_force.of(fields.campaign)
  if given.version and version and version ~= given.version then return {'another version', version} end
  if is_sending(KEYS[2], given.now_ms) then return {'sending', ''} end
end

local function note(owner, given, what)
  timeline.add(owner.contact, given.now_ms, what, given.label .. ', by ' .. given.by)
end

local function done(owner, given, detail)
  redis.call('HSET', owner.key, 'decided', given.call_id .. ' ' .. detail)
  return {'done', detail}
end

-- Return the answer that this call got before, if it is a repetition.
local function repeated_answer(fields, given)
  local call_id, detail = string.match(fields.decided or '', '^(%S+) (.*)$')
  if call_id and call_id == given.call_id then return {'done', detail} end
end

-- skip(KEYS = [owner, delivery], ARGV = [JSON]) → [answer, detail]
--   JSON  also reason
-- It is never sent; later mails keep their times. A worker that has claimed it finds its claim gone. If a webhook
-- reported it as accepted before its worker died, it counts as sent instead.
function planned_deliveries.skip()
  local given = cjson.decode(ARGV[1])
  local owner = owners.of(given.owner)
  local fields = owners.fields(owner)
  local answer = repeated_answer(fields, given) or refusal(owner, fields, given)
  if answer then return answer end
  local sent_ms, provider_id = delivery.reported(KEYS[2])
  if provider_id then
    delivery.accept_as_reported(owner, given.name, given.label, given.now_ms, sent_ms, provider_id, given.paced)
    return {'already', records.status(redis.call('HGET', owner.key, '/' .. given.name))}
  end
  sequence.plan_following(owner, fields, given.name, given.following)
  delivery.end_sending(owner, given.name)
  note(owner, given, 'skipped by hand')
  delivery.skip(owner, given.name, given.now_ms, given.reason)
  return done(owner, given, '')
end

-- Return when it is sent: now, or when the minimum gap to the last mail is over.
local function sending_ms(fields, given)
  local last_ms = tonumber(fields.last_sent_ms)
  if not given.paced or given.ignores_gap or not last_ms then return given.now_ms end
  if queue.is_too_far(last_ms, given.now_ms, JUMP_MS) then return given.now_ms end
  return math.max(given.now_ms, last_ms + given.gap_ms)
end

-- send_now(KEYS = [owner, delivery], ARGV = [JSON]) → [answer, detail]
--   JSON  also gap_ms: the minimum gap; ignores_gap: a person confirmed that it is sent within the gap
-- Only for a delivery that waits in the schedule; the steps after it keep their days. A delivery about a call gets a
-- HASH, so that processing its booking later does not change its time.
function planned_deliveries.send_now()
  local given, key = cjson.decode(ARGV[1]), KEYS[2]
  local owner = owners.of(given.owner)
  local fields, id = owners.fields(owner), given.owner .. '/' .. given.name
  local answer = repeated_answer(fields, given) or refusal(owner, fields, given)
  if answer then return answer end
  local due_ms = records.due_ms(fields['/' .. given.name])
  if not due_ms then return {'later', ''} end
  if fields.hold then return {'paused', fields.hold} end
  if pause.covers(owner.contact, fields.campaign) then return {'paused', 'paused'} end
  local at_ms = sending_ms(fields, given)
  records.plan(owner, given.name, math.min(due_ms, at_ms))
  if given.ignores_gap then redis.call('HSET', key, 'replayed', 1) end
  local is_kept = given.ignores_gap or not owner.is_enrollment or redis.call('EXISTS', key) == 1
  if is_kept then delivery.defer(key, at_ms, given.now_ms) end
  if owner.is_enrollment then sequence.watch(owner.id, at_ms) end
  note(owner, given, 'sent now by hand')
  return done(owner, given, string.format('%.0f', delivery.schedule(id, at_ms)))
end

return planned_deliveries
