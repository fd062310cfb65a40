-- One person in several campaigns: how close together their mails may be, and which one is sent first. Decided at each
-- claim, from what is known then of the person's other enrollments (`others`, see sequence.lua).
--   campaigns  {key → {minimum_gap_ms, priority}}, from the caller's JSON; without those that are not served here
-- uses: delivery, owners, pause, queue, records

local crossing = {}

-- A request to the provider takes at most this time, so a mail was accepted at most so long after its attempt began.
local REQUEST_MS = 15000
-- A mail whose outcome is unknown, or that is being sent, is checked again after these times.
local UNSETTLED_MS, SOON_MS, JUMP_MS = 60000, 1000, 60000

-- Return whether something could happen at that time; if not, it was recorded while a clock was wrong.
local function is_possible(at_ms, now_ms)
  return not queue.is_too_far(at_ms, now_ms, JUMP_MS)
end

-- Return until when a mail of another campaign delays others because it may have been accepted; 0: it does not.
local function unknown_until(id, line, gap_ms, now_ms)
  local unknown, in_progress, attempted_ms, first_ms = unpack(redis.call('HMGET', keys.delivery .. id,
    'outcome_unknown', 'in_progress', 'attempted_ms', 'first_attempt_ms'))
  if unknown ~= '1' and in_progress ~= '1' then return 0 end
  local at_ms = tonumber(attempted_ms or first_ms or 0)
  local until_ms = at_ms + REQUEST_MS + gap_ms
  if records.status(line) == 'planned' then return math.min(until_ms, now_ms + UNSETTLED_MS) end
  return is_possible(at_ms, now_ms) and until_ms or 0
end

local function delayed_until(other, gap_ms, now_ms)
  local fields = other.fields
  local last_ms = tonumber(fields.last_sent_ms)
  local until_ms = last_ms and is_possible(last_ms, now_ms) and last_ms + gap_ms or 0
  local since_ms = string.match(fields.sending or '', ' (%d+)$')
  if since_ms and since_ms + gap_ms > now_ms and is_possible(since_ms, now_ms) then
    until_ms = math.max(until_ms, now_ms + SOON_MS)
  end
  for field, line in pairs(fields) do
    local status = string.find(field, '^/') and records.status(line)
    if status == 'planned' or status == 'dead' then
      until_ms = math.max(until_ms, unknown_until(other.id .. field, line, gap_ms, now_ms))
    end
  end
  return until_ms
end

-- Return the person's other enrollments, with their fields; without those where the person was forgotten.
function crossing.others_of(fields)
  local found = {}
  for id in string.gmatch(fields.others or '', '%S+') do
    local other = owners.of(id)
    other.fields = owners.fields(other)
    if other.fields.campaign then found[#found + 1] = other end
  end
  return found
end

-- Return until when the mails of other campaigns delay one of this campaign; a time in the past: they do not. Of two
-- gaps the larger one applies.
function crossing.gap_until(others, campaign, given, now_ms)
  local until_ms = 0
  for _, other in ipairs(others) do
    local terms = given.campaigns[other.fields.campaign]
    local gap_ms = math.max(campaign.minimum_gap_ms, terms and terms.minimum_gap_ms or 0)
    until_ms = math.max(until_ms, delayed_until(other, gap_ms, now_ms))
  end
  return until_ms
end

-- Return whether a mail of a campaign with a lower priority number could be sent now: that one is sent first.
function crossing.comes_first(others, campaign, given, now_ms)
  for _, other in ipairs(others) do
    local theirs = other.fields
    local terms = given.campaigns[theirs.campaign]
    local may_go = theirs.status == 'active' and not theirs.hold and not pause.covers(other.contact, theirs.campaign)
    if terms and terms.priority < campaign.priority and may_go then
      for field, line in pairs(theirs) do
        local due_ms = string.find(field, '^/') and records.due_ms(line)
        if due_ms and due_ms <= now_ms and delivery.could_go(other.id .. field, due_ms, now_ms) then return true end
      end
    end
  end
  return false
end

return crossing
