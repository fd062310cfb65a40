-- One delivery from its claim to its end. The caller knows its kind and channel and passes what differs as data:
--   JSON of every entry point   owner, name: `enr_…` and `step-3`, or `bkg_…` and `1764856800000/24h`; its id is both,
--                               joined by `/`
--                               label: its name in the timeline; now_ms
--                               paced: the minimum gap and the order of the owner's deliveries apply to it
--                               expires_ms: from this time on it is not sent; requires: see refusal in owners.lua
--                               ended_by: {reason: true}, for a channel other than mail: a suppression of the owner's
--                               mail address ends it only for these reasons; absent: it is mail, every reason ends it
--                               address_hash: for freeze and settle, of the phone number it is sent to; absent: the
--                               owner's address
--   KEYS                        owner: enrollment or guest, HASH, see owners.lua; delivery: HASH, see delivery.lua;
--                               circuit: of the channel's provider, HASH, see circuit.lua
-- uses: circuit, counts, crossing, delivery, in_force, number, owners, pause, queue, records, sequence, suppression, timeline

local deliveries = {}

-- When a delivery is checked again: one of a campaign that this worker does not serve; one that another delays.
-- JUMP_MS: a time of the past that lies further ahead than this was recorded while a clock was wrong.
local ANOTHER_CAMPAIGN_MS, SOON_MS, JUMP_MS = 600000, 1000, 60000
-- A step that needs another one, which is not sent yet, is checked again after at most this time.
local NEEDED_MS = 60000

-- Return why nothing more may be sent to this address (nil: it may), and whether that ends the owner's mail.
local function suppressed_by(fields, given)
  local reason = suppression.reason(fields.address_hash)
  if not given.ended_by then return reason, true end
  if reason and given.ended_by[reason] then return reason, false end
  return suppression.reason(given.address_hash), false
end

-- A mailbox that accepts no mail says nothing about other channels.
local function is_resting(fields, given)
  return not given.ended_by and suppression.is_resting(fields.address_hash)
end

-- Return the owner's earliest delivery that was due before this one, was claimed before and could be sent now or within
-- two seconds; nil: there is none.
local function earlier_one(owner, fields, name, due_ms, now_ms)
  local found, found_ms
  for field, line in pairs(fields) do
    local other, other_ms = string.match(field, '^/(.*)$'), records.due_ms(line)
    if other and other_ms and other_ms < due_ms and other ~= name then
      local could_go, was_claimed = delivery.could_go(owner.id .. field, other_ms, now_ms)
      if was_claimed and could_go and (not found or other_ms < found_ms) then
        found, found_ms = owner.id .. field, other_ms
      end
    end
  end
  return found
end

-- Let the delivery `to` probe the provider instead of `from`, whose turn it was.
local function pass_probe(from, to, now_ms)
  queue.pass_probe('send', from, to)
  delivery.schedule(to, now_ms)
end

-- A delivery that two dead workers were processing may have killed them, or another one that they were processing did.
-- Such deliveries are tried one at a time, so that a third death shows which one it is.
--   suspect  STRING  `delivery claim_id` of the one that is being tried
local function may_be_tried(id, claim_id)
  if tonumber(redis.call('HGET', keys.delivery .. id, 'crashes') or 0) < limits.crashes_max - 1 then return true end
  local other, holder = string.match(redis.call('GET', keys.suspect) or '', '^(%S+) (%S+)$')
  if other and other ~= id and redis.call('HGET', keys.delivery .. other, 'claim_id') == holder
    and delivery.is_claimed(holder) then
    return false
  end
  redis.call('SET', keys.suspect, id .. ' ' .. claim_id)
  return true
end

-- Return until when the minimum gap to the last mail, or to a mail that is being sent, delays this one; nil: it does
-- not. Within a campaign two mails come this close only if one of them is overdue; between campaigns the gap always
-- applies. A mail that is being sent counts until it is known not to have been sent. This is checked again soon, so
-- that a step in trouble does not delay this one. A mail that may have been accepted already is delayed no longer than
-- the provider remembers its key.
local function gap_until(fields, given, campaign, open, now_ms)
  local last_ms, gap_ms = tonumber(fields.last_sent_ms), campaign.minimum_gap_ms
  -- A last mail in the future was recorded while a clock was wrong.
  if last_ms and queue.is_too_far(last_ms, now_ms, JUMP_MS) then last_ms = nil end
  local is_unknown = open.outcome_unknown == '1' or open.in_progress == '1'
  local latest_ms = is_unknown and open.first_attempt_ms and open.first_attempt_ms + limits.ask_within_ms or math.huge
  local others = crossing.others_of(fields)
  local until_ms = math.max(last_ms and last_ms + gap_ms or 0, crossing.gap_until(others, campaign, given, now_ms))
  until_ms = math.min(until_ms, latest_ms)
  if until_ms > now_ms then return until_ms end
  local other, since_ms = string.match(fields.sending or '', '^(%S+) (%d+)$')
  if other and other ~= given.name and since_ms + gap_ms > now_ms and not queue.is_too_far(since_ms, now_ms, JUMP_MS) then
    return math.min(since_ms + gap_ms, now_ms + SOON_MS)
  end
  if crossing.comes_first(others, campaign, given, now_ms) then return now_ms + SOON_MS end
end

-- Return whether the step that this one needs was sent. While that step may still be sent: false, and until when this
-- one waits. A step whose payload is stored already continues without this check.
local function is_needed_step_sent(owner, fields, needs, key, now_ms)
  if not needs or redis.call('HEXISTS', key, 'payload') == 1 then return true end
  local line = fields['/' .. needs]
  local status = records.status(line)
  if status == 'planned' then
    local open_ms = tonumber(redis.call('ZSCORE', keys.open, owner.id .. '/' .. needs) or 0)
    return false, math.min(math.max(open_ms, now_ms + SOON_MS), now_ms + NEEDED_MS)
  end
  return status ~= nil and status ~= 'skipped' and status ~= 'dead'
end

local OPEN = {
  'claim_id', 'claimed_ms', 'not_before_ms', 'wait_ms', 'first_attempt_ms', 'outcome_unknown', 'in_progress', 'replayed',
  'counted_claim_id',
}

local function read_open(key)
  local open, values = {}, redis.call('HMGET', key, unpack(OPEN))
  for i, field in ipairs(OPEN) do open[field] = values[i] or nil end
  return open
end

-- The worker of the previous claim died or forgot the claim. Count this once, however long the delivery waits
-- afterwards. Return why the delivery becomes a dead letter, if this was the last time.
local function count_crash(key, open)
  if not open.claim_id or open.claim_id == '' or open.claim_id == open.counted_claim_id then return end
  redis.call('HSET', key, 'counted_claim_id', open.claim_id)
  if redis.call('HINCRBY', key, 'crashes', 1) < limits.crashes_max then return end
  local reason = 'killed its worker ' .. limits.crashes_max .. ' times'
  if open.outcome_unknown == '1' or open.in_progress == '1' then
    redis.call('HSET', key, 'outcome_unknown', 1)
    reason = reason .. '; it may have been accepted nevertheless'
  end
  return reason
end

-- Return whether the store was replaced since the worker last saw its generation: it is behind that generation, or does
-- not descend from it.
local function is_replaced(seen)
  if not seen then return false end
  local id, mark = unpack(redis.call('HMGET', keys.generation, 'id', 'mark'))
  if id == seen.id then return tonumber(mark) < seen.mark end
  local ancestors = redis.call('HGET', keys.generation, 'ancestors') or ''
  return not string.find(' ' .. ancestors .. ' ', ' ' .. seen.id .. ' ', 1, true)
end

-- The parts of a claim. Each check returns the claim's answer, or nil: it may go on.
--   claim  given: the JSON; owner, fields: see owners.lua; id, key, open, due_ms: of the delivery, see read_open
--          not_before_ms: of its next attempt; campaign: the owner's, if this worker serves it
--          is_repeated: the claim was granted before, and that answer was lost

local function defer(claim, word, until_ms, why)
  local given, open = claim.given, claim.open
  until_ms = delivery.schedule(claim.id, math.min(until_ms, given.expires_ms or math.huge))
  -- What was never claimed gets no HASH here, so that its booking can still change its due time.
  if open.claimed_ms or open.not_before_ms then delivery.defer(claim.key, until_ms, given.now_ms) end
  return {word, until_ms, why}
end

-- A webhook may have reported it as accepted. That settles it if it must not be sent any more, or if one more crash
-- would make it a dead letter. Otherwise it is sent again under the same key, and the provider returns the acceptance.
local function check_end(claim)
  local given, owner, fields, key = claim.given, claim.owner, claim.fields, claim.key
  local name, now_ms = given.name, given.now_ms
  local suppressed, ends_mail = suppressed_by(fields, given)
  local reason = suppressed or owners.refusal(fields, given.requires, given.expires_ms, now_ms)
  local sent_ms, provider_id = delivery.reported(key)
  if provider_id and (reason or delivery.is_last_crash(key)) then
    delivery.accept_as_reported(owner, name, given.label, now_ms, sent_ms, provider_id, given.paced)
    return {'already', 'accepted'}
  end
  if suppressed and ends_mail then sequence.exit(owner.id, suppressed, now_ms) end
  if reason then
    -- A next step that was never claimed lost its record when the enrollment ended: the exit reason says why.
    if redis.call('HEXISTS', owner.key, '/' .. name) == 1 then
      delivery.skip(owner, name, now_ms, reason)
    else
      redis.call('ZREM', keys.open, claim.id)
    end
    return {'exited', reason}
  end
  if not claim.due_ms then
    redis.call('ZREM', keys.open, claim.id)
    return {'unknown'}
  end
end

-- Does this worker serve the campaign, in the version in force, and does that version have this step?
local function check_campaign(claim)
  local given, owner, fields, campaign = claim.given, claim.owner, claim.fields, claim.campaign
  local name, now_ms = given.name, given.now_ms
  if not campaign then
    return defer(claim, 'held', now_ms + ANOTHER_CAMPAIGN_MS, 'campaign ' .. fields.campaign .. ' is not served here')
  end
  if not claim.is_repeated then
    local version, is_replanning = in_force.of(fields.campaign)
    if campaign.version and version and version ~= campaign.version then return {'another version', version} end
    if is_replanning and owner.is_enrollment then return defer(claim, 'not yet', now_ms + SOON_MS) end
  end
  if campaign.lacks_step and redis.call('HEXISTS', claim.key, 'payload') == 0 then
    sequence.plan_following(owner, fields, name, campaign.following, claim.due_ms)
    delivery.skip(owner, name, now_ms, limits.removed)
    return {'exited', limits.removed}
  end
end

-- Has it killed its workers? Does the enrollment, a pause, the address or its time delay it? Was the step that it needs
-- sent? Of a repeated claim this is known.
local function check_waits(claim)
  local given, owner, fields, key = claim.given, claim.owner, claim.fields, claim.key
  local name, now_ms, not_before_ms = given.name, given.now_ms, claim.not_before_ms
  local reason = count_crash(key, claim.open)
  if reason then
    delivery.make_dead_letter(owner, name, given.label, now_ms, reason)
    return {'dead', reason}
  end
  if fields.hold then
    redis.call('ZREM', keys.open, claim.id)
    return {'held', 0, fields.hold}
  end
  if pause.covers(owner.contact, fields.campaign) then
    return defer(claim, 'held', math.max(not_before_ms, now_ms + limits.pause_wait_ms), 'paused')
  end
  if is_resting(fields, given) then
    return defer(claim, 'held', math.max(not_before_ms, now_ms + suppression.WAIT_MS), 'resting')
  end
  if not_before_ms > now_ms then return defer(claim, 'not yet', not_before_ms) end
  local campaign = claim.campaign
  local has_needed, wait_ms = is_needed_step_sent(owner, fields, campaign.needs, key, now_ms)
  if wait_ms then return defer(claim, 'not yet', wait_ms) end
  if not has_needed then
    reason = campaign.needs .. ' ' .. limits.not_sent
    sequence.plan_following(owner, fields, name, campaign.following)
    delivery.skip(owner, name, now_ms, reason)
    return {'exited', reason}
  end
end

-- Of two deliveries that could be sent now, the earlier one is sent first: after an outage no contact reads the second
-- mail before the first. If it is this one's turn to probe the provider, the earlier one gets the turn. A delivery that
-- waits longer, for a reason of its own, delays no other.
--   until_ms, why, probe_ms  of the provider's circuit, see circuit.lua
local function check_turn(claim, until_ms, why, probe_ms)
  local given, fields, open, id, is_repeated = claim.given, claim.fields, claim.open, claim.id, claim.is_repeated
  local now_ms = given.now_ms
  local is_paced = given.paced and not is_repeated and open.replayed ~= '1'
  local earlier = is_paced and earlier_one(claim.owner, fields, given.name, claim.due_ms, now_ms)
  if earlier then
    if until_ms then pass_probe(id, earlier, now_ms) end
    return defer(claim, 'not yet', now_ms + SOON_MS)
  end
  if until_ms and not is_repeated then
    local wait_ms = circuit.wait_until(until_ms, probe_ms, now_ms)
    if wait_ms > now_ms then return defer(claim, 'held', wait_ms, why) end
  end
  local gap_ms = is_paced and gap_until(fields, given, claim.campaign, open, now_ms)
  if gap_ms then return defer(claim, 'not yet', gap_ms) end
  if not is_repeated and not may_be_tried(id, given.claim_id) then return defer(claim, 'not yet', now_ms + SOON_MS) end
end

local function grant(claim)
  local given, owner, key, due_ms = claim.given, claim.owner, claim.key, claim.due_ms
  local name, now_ms = given.name, given.now_ms
  -- An attempt was under way when its worker died: its outcome is unknown.
  if claim.open.in_progress == '1' then redis.call('HSET', key, 'outcome_unknown', 1, 'in_progress', 0) end
  local fence = redis.call('HINCRBY', key, 'fence', claim.is_repeated and 0 or 1)
  redis.call('HSET', key, 'claim_id', given.claim_id, 'claimed_ms', now_ms, 'due_ms', due_ms)
  redis.call('ZADD', keys.open, now_ms + limits.lease_ms, claim.id)
  if given.paced then redis.call('HSET', owner.key, 'sending', name .. ' ' .. now_ms) end
  sequence.plan_following(owner, claim.fields, name, claim.campaign.following)

  local attempts, first_ms, failures, unknown, payload =
    unpack(redis.call('HMGET', key, 'attempts', 'first_attempt_ms', 'failures', 'outcome_unknown', 'payload'))
  local answer = {'granted', fence, tonumber(attempts or 0), due_ms, tonumber(first_ms or 0), tonumber(failures or 0),
    tonumber(unknown or 0), payload or ''}
  for _, text in ipairs(redis.call('HGETALL', owner.key)) do answer[#answer + 1] = text end
  return answer
end

-- claim(KEYS = [owner, delivery, circuit], ARGV = [JSON])
--   JSON  also generation: {id, mark} of the store as this worker last saw it; nil: it has not read it yet
--         claim_id: `worker#number of this call`, so that a call whose answer was lost can be repeated
--         campaigns: {key → {minimum_gap_ms, priority; version, if the store has one in force; lacks_step: it has no
--         such step; needs: the name of the step without which this one is not sent; following: [{name, after_ms: after
--         the anchor}], the steps after it}}, those that this worker serves
-- → ['granted', fence, attempts, due_ms, first_attempt_ms or 0, failures, outcome_unknown 0|1, payload or '',
--    owner's fields and values …]
--   | ['already', status]            it has ended; possibly only now, because a webhook had reported it as accepted
--   | ['exited', reason]             it must not be sent any more; the reason is recorded
--   | ['in hand', claim_id]          a live worker is processing it under another claim
--   | ['not yet', until_ms]          too early, too close to the last mail, or another one is first; scheduled again
--   | ['held', until_ms, reason]     all sending is held, the store was replaced under the worker, the circuit is open,
--                                    a pause applies, the address is resting, or this worker does not serve the
--                                    campaign; scheduled again
--   | ['held', 0, reason]            the enrollment is held; its release schedules the delivery again
--   | ['dead', reason]               its third worker died; recorded as a dead letter
--   | ['another version', version]   that version of the campaign is in force, not the caller's; nothing was changed
--   | ['unknown']                    no delivery of that id is planned
function deliveries.claim()
  local given, key, circuit_key = cjson.decode(ARGV[1]), KEYS[2], KEYS[3]
  local now_ms, claim_id, owner = given.now_ms, given.claim_id, owners.of(given.owner)
  local id, fields = given.owner .. '/' .. given.name, owners.fields(owner)
  local line = fields['/' .. given.name]

  if line and records.status(line) ~= 'planned' then return {'already', records.status(line)} end

  -- Checked first: the worker that is processing a delivery settles it, even if the contact has left meanwhile.
  local open = read_open(key)
  local is_repeated = open.claim_id == claim_id
  if not is_repeated and delivery.is_claimed(open.claim_id) and math.abs(now_ms - open.claimed_ms) < limits.lease_ms then
    return {'in hand', open.claim_id}
  end

  -- While sending is held, no reason to skip is checked either: by a wrong clock a reminder may seem to have expired.
  local held = not is_repeated and (pause.hold_reason(string.match(claim_id, '^[^#]*'))
    or is_replaced(given.generation) and 'the store was replaced')
  if held then return {'held', delivery.schedule(id, now_ms + pause.HELD_MS), held} end

  local claim = {
    given = given, owner = owner, fields = fields, id = id, key = key, open = open, is_repeated = is_repeated,
    due_ms = records.due_ms(line), campaign = given.campaigns[fields.campaign],
  }
  local answer = check_end(claim)
  if answer then return answer end
  claim.not_before_ms = delivery.not_before_ms(open, now_ms) or claim.due_ms
  answer = check_campaign(claim) or not is_repeated and check_waits(claim)
  if answer then return answer end
  local until_ms, why, probe_ms = circuit.read(circuit_key, now_ms)
  answer = check_turn(claim, until_ms, why, probe_ms)
  if answer then return answer end
  if until_ms then redis.call('HSET', circuit_key, 'probe_ms', now_ms) end
  return grant(claim)
end

-- freeze(KEYS = [owner, delivery, circuit], ARGV = [JSON, payload or ''])
--   JSON     also fence: of the claim; version: the version of the campaign that rendered the payload
--   payload  '' when the claim brought the payload of an earlier attempt, which is sent again
-- → ['granted', attempt] | ['exited', reason] | ['held', until_ms or 0, reason] | ['lost'] to another claim
-- The last check before the request: is the claim still valid, may the contact still be written to, and does no hold,
-- pause or open circuit forbid it? Then the payload is stored, byte for byte, and the attempt begins: its outcome is
-- unknown until it is settled. A repetition of this call, whose first answer was lost, begins no second attempt.
function deliveries.freeze()
  local given, payload = cjson.decode(ARGV[1]), ARGV[2]
  local key, now_ms = KEYS[2], given.now_ms

  if tonumber(redis.call('HGET', key, 'fence')) ~= given.fence then return {'lost'} end
  local owner = owners.of(given.owner)
  local fields = owners.fields(owner)
  local suppressed, ends_mail = suppressed_by(fields, given)
  if suppressed and ends_mail then sequence.exit(owner.id, suppressed, now_ms) end
  local reason = suppressed or owners.refusal(fields, given.requires, given.expires_ms, now_ms)
  if reason then return {'exited', reason} end
  if payload ~= '' and given.version and (in_force.of(fields.campaign) or given.version) ~= given.version then
    return {'held', now_ms, 'another version of the campaign is in force'}
  end
  if fields.hold then return {'held', 0, fields.hold} end
  local held = pause.hold_reason(string.match(redis.call('HGET', key, 'claim_id'), '^[^#]*'))
  if held then return {'held', now_ms + pause.HELD_MS, held} end
  if pause.covers(owner.contact, fields.campaign) then return {'held', now_ms + limits.pause_wait_ms, 'paused'} end
  if is_resting(fields, given) then return {'held', now_ms + suppression.WAIT_MS, 'resting'} end
  local until_ms, why = circuit.read(KEYS[3], now_ms)
  if until_ms and until_ms > now_ms then return {'held', until_ms, why} end

  if payload ~= '' and redis.call('HSETNX', key, 'payload', payload) == 1 and given.version then
    redis.call('HSET', key, 'version', given.version)
  end
  if given.address_hash then number.note(owner, given.address_hash) end
  local in_progress, attempts = unpack(redis.call('HMGET', key, 'in_progress', 'attempts'))
  if in_progress == '1' then return {'granted', tonumber(attempts)} end
  redis.call('HSETNX', key, 'first_attempt_ms', now_ms)
  redis.call('HSET', key, 'in_progress', 1, 'attempted_ms', now_ms)
  return {'granted', redis.call('HINCRBY', key, 'attempts', 1)}
end

-- Plan the next attempt at due_ms: this one failed and counts (`retry`), or does not count (`defer`). A `defer` with an
-- unknown outcome stays among the attempts, but is no failure; the timeline shows it once, however long it lasts. A
-- repetition of this call, whose first answer was lost, counts nothing.
local function try_again(owner, given)
  local id, detail, is_deferred = given.owner .. '/' .. given.name, given.detail, given.outcome == 'defer'
  local key = keys.delivery .. id
  local due_ms = math.min(given.due_ms, given.expires_ms or math.huge)
  local claim_id, attempts, in_progress, last_error =
    unpack(redis.call('HMGET', key, 'claim_id', 'attempts', 'in_progress', 'last_error'))
  if claim_id == '' then return end
  redis.call('HSET', key, 'claim_id', '', 'last_error', detail, 'in_progress', 0)
  delivery.defer(key, due_ms, given.now_ms)
  redis.call('HDEL', key, 'crashes')
  if is_deferred and given.outcome_unknown then redis.call('HSET', key, 'probed', 1) end
  if is_deferred and not given.outcome_unknown then
    if in_progress == '1' then redis.call('HINCRBY', key, 'attempts', -1) end
  elseif not is_deferred or last_error ~= detail then
    if not is_deferred then redis.call('HINCRBY', key, 'failures', 1) end
    timeline.add(owner.contact, given.now_ms, 'attempt failed',
      given.label .. ', attempt ' .. (attempts or 0) .. ': ' .. detail)
  end
  delivery.schedule(id, due_ms)
end

-- Nothing can reach this address: suppress it. If it is a phone number, mail continues.
local function end_address(owner, given)
  local reason, now_ms, address_hash = given.ends, given.now_ms, given.address_hash
  if not given.ended_by then address_hash = redis.call('HGET', owner.key, 'address_hash') end
  if address_hash then suppression.add(address_hash, reason, now_ms) end
  if given.ended_by then return end
  sequence.exit(owner.contact, reason, now_ms)
end

-- Return whether this acceptance is recorded already: the call is repeated, or the provider gave another worker the
-- same id, because both sent the same idempotency key.
local function is_recorded(owner, given)
  local line = redis.call('HGET', owner.key, '/' .. given.name)
  return given.outcome == 'accepted' and line and records.detail(line) == given.detail
end

-- settle(KEYS = [owner, delivery, circuit], ARGV = [JSON])
--   JSON  also fence: of the claim; outcome_unknown: the provider may have accepted this attempt
--         outcome  accepted  the provider has it; detail: its id. sent_ms: when, as its list says; absent: just now
--                  skipped   it must not be sent; detail: why
--                  dead      it used up its attempts, or cannot succeed; detail: why. Its payload is kept for a replay.
--                            ends: why nothing more can be sent to this address, if so
--                  retry     an attempt failed and counts; the next one is at due_ms
--                  defer     it must wait, or failed by a fault of the provider that all deliveries wait for: it does
--                            not count; the next attempt is at due_ms
-- → since_ms: settled, which closed the circuit that was open since then
--   | 1 settled without closing a circuit, or this very acceptance is recorded already
--   | 0 refused: another worker has claimed it since, and will settle it
--   | -1 accepted, whatever the outcome of this attempt: a webhook reported it while the worker was processing it
function deliveries.settle()
  local given = cjson.decode(ARGV[1])
  local key, name, now_ms = KEYS[2], given.name, given.now_ms

  local owner = owners.of(given.owner)
  if tonumber(redis.call('HGET', key, 'fence')) ~= given.fence then return is_recorded(owner, given) and 1 or 0 end
  delivery.end_sending(owner, name)
  local reported_ms, provider_id = delivery.reported(key)
  if provider_id and given.outcome ~= 'accepted' then
    delivery.accept_as_reported(owner, name, given.label, now_ms, reported_ms, provider_id, given.paced)
    return -1
  end
  if given.outcome_unknown then redis.call('HSET', key, 'outcome_unknown', 1) end

  if given.outcome == 'retry' or given.outcome == 'defer' then
    try_again(owner, given)
  elseif given.outcome == 'dead' then
    delivery.make_dead_letter(owner, name, given.label, now_ms, given.detail)
    if given.ends then end_address(owner, given) end
  elseif given.outcome == 'skipped' then
    -- This attempt was never sent, so its `in_progress` does not mean an unknown outcome.
    redis.call('HSET', key, 'in_progress', 0)
    delivery.skip(owner, name, now_ms, given.detail)
  else
    delivery.accept(owner, name, now_ms,
      {at_ms = now_ms, sent_ms = given.sent_ms or now_ms, provider_id = given.detail, paced = given.paced})
    -- Being found in the provider's list does not prove that requests succeed again.
    if not given.sent_ms then return math.max(circuit.close(KEYS[3]), 1) end
  end
  return 1
end

-- renew_lease(KEYS = [delivery], ARGV = [delivery id, fence, now_ms]) → 1 renewed | 0 claimed by another since
-- For a worker that searches the provider's list for longer than a lease.
function deliveries.renew_lease()
  if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[2] then return 0 end
  redis.call('HSET', KEYS[1], 'claimed_ms', ARGV[3])
  redis.call('ZADD', keys.open, ARGV[3] + limits.lease_ms, ARGV[1])
  return 1
end

-- note_conflict(KEYS = [delivery], ARGV = [fence, since_ms, now_ms]) → 1 | 0 claimed by another since
-- The provider refuses this attempt because it has accepted another payload under its key, at since_ms or later. This
-- attempt is over; the accepted one is searched for, now and at the next claim.
function deliveries.note_conflict()
  local fence, first_ms = unpack(redis.call('HMGET', KEYS[1], 'fence', 'first_attempt_ms'))
  if fence ~= ARGV[1] then return 0 end
  first_ms = math.min(first_ms or ARGV[3], ARGV[2])
  redis.call('HSET', KEYS[1], 'outcome_unknown', 1, 'key_conflict', 1, 'in_progress', 0, 'first_attempt_ms', first_ms)
  return 1
end

-- note_unaccepted(KEYS = [delivery], ARGV = [fence]) → 1 | 0 a person decides, or claimed by another since
-- The provider lists everything that it accepted since the first attempt, and this is not among it. Attempts that were
-- made while all deliveries waited for the provider are then forgotten, so that a long outage leaves no dead letters;
-- the payload stays.
function deliveries.note_unaccepted()
  local fence, probed, key_conflict = unpack(redis.call('HMGET', KEYS[1], 'fence', 'probed', 'key_conflict'))
  if fence ~= ARGV[1] or probed ~= '1' or key_conflict then return 0 end
  redis.call('HDEL', KEYS[1], 'outcome_unknown', 'first_attempt_ms', 'probed')
  return 1
end

-- settle_restored(KEYS = [owner, delivery, circuit], ARGV = [JSON])
--   JSON  also sent_ms, provider_id: as the provider lists it
--         or detail: why a person decides; unknown_since_ms: it may have been sent since then; nil: it was not sent
--         following: [{name, after_ms: after the anchor}], the steps that follow
-- → 1 | 0 it has ended, or its owner has
-- Record what may have happened to a delivery between a backup and its restore. No worker is processing it.
function deliveries.settle_restored()
  local given = cjson.decode(ARGV[1])
  local key, name, now_ms = KEYS[2], given.name, given.now_ms
  local owner = owners.of(given.owner)
  local fields = owners.fields(owner)
  local line = fields['/' .. name]
  if line and records.status(line) ~= 'planned' then return 0 end
  if fields.status == 'accepted' then
    redis.call('HSET', owner.key, 'status', 'active')
    counts.add('accepted', -1)
    counts.add('active', 1)
    fields.next = name
  elseif owner.is_enrollment and fields.status ~= 'active' then
    return 0
  end
  sequence.plan_following(owner, fields, name, given.following)
  delivery.end_sending(owner, name)
  if given.sent_ms then
    delivery.accept_as_reported(owner, name, given.label, now_ms, given.sent_ms, given.provider_id, given.paced)
    return 1
  end
  if given.unknown_since_ms then
    redis.call('HSET', key, 'outcome_unknown', 1, 'first_attempt_ms', given.unknown_since_ms)
  end
  redis.call('HSETNX', key, 'due_ms', records.due_ms(line) or now_ms)
  delivery.make_dead_letter(owner, name, given.label, now_ms, given.detail)
  return 1
end

return deliveries
