-- A signup, from its acceptance until the first step of its enrollment is planned.
--   enrollment:<enr>  HASH  see codec.py
-- uses: counts, held, in_force, mailbox, owners, pause, people, projection, queue, sequence, suppression, timeline, webhook_ids

local signups = {}

-- Collects what one call writes for all its signups; writing it for each would take a quarter of the script's time.
local function new_batch()
  return {
    newcomers = {}, classifications = {}, is_coming = {}, answers = {}, answered_ms = {}, campaigns = {},
    is_anybody_paused = redis.call('EXISTS', keys.pauses) == 1,
    has_anybody_left = redis.call('EXISTS', keys.suppressed) == 1,
    has_anybody_ended = redis.call('EXISTS', keys.ended) == 1,
  }
end

-- Return whether an earlier call failed halfway and left an enrollment that nothing would classify; it is begun again.
local function is_left_over(batch, id, status)
  return status == 'accepted' and not batch.is_coming[id] and not redis.call('ZSCORE', keys.under_way, id)
end

local function note_campaign(batch, campaign)
  if batch.campaigns[campaign] then return end
  redis.call('SADD', keys.campaigns, campaign)
  batch.campaigns[campaign] = true
end

local function add(fields, name, value)
  if value then fields[#fields + 1], fields[#fields + 2] = name, value end
end

local function write_first(batch, enrollment, given, assessment)
  note_campaign(batch, given.campaign)
  if given.mailbox then mailbox.note_trace(given.mailbox, given.id) end
  local fields = {'campaign', given.campaign, 'status', 'accepted', 'anchor_ms', given.received_ms,
    'segment', given.segment, 'email', given.email, 'address_hash', given.address_hash, 'assessment', assessment}
  add(fields, 'language', given.language)
  if given.contact ~= given.id then add(fields, 'contact', given.contact) end
  redis.call('HSET', enrollment, unpack(fields))
end

local function enter(batch, enrollment, given, assessment)
  local id, received_ms = given.id, given.received_ms
  write_first(batch, enrollment, given, assessment)
  local newcomers, classifications = batch.newcomers, batch.classifications
  newcomers[#newcomers + 1] = id
  batch.is_coming[id] = true
  classifications[2 * #newcomers - 1], classifications[2 * #newcomers] = received_ms, id
  if batch.is_anybody_paused and pause.is_paused(id) then sequence.hold(id, 'paused', received_ms) end
end

-- Begin the enrollment of a new contact, or of one whose earlier signup is held: within the bounds, this signup counts
-- as the first. Beyond them a new one is held, and one that is held stays so.
local function begin(batch, enrollment, given, assessment, is_held)
  local bound = held.beyond(given)
  if not bound then
    if is_held and held.remove(given.id) then redis.call('HDEL', enrollment, 'assessed_ms', 'consent', 'sms_consent') end
    enter(batch, enrollment, given, assessment)
  elseif not is_held then
    write_first(batch, enrollment, given, assessment)
    held.add(given.id, bound, given.received_ms, given.visitor)
  end
end

-- Return why this contact may not enrol; nil: they may.
local function refusal(given)
  if given.is_closed then return 'closed' end
  for _, other in ipairs(mailbox.contacts(given.excludes)) do
    local status = redis.call('HGET', keys.enrollment .. other, 'status')
    if status == 'accepted' or status == 'active' then return 'excluded' end
  end
end

-- Store what was sent by a contact who may not enrol.
local function store_refused(batch, given, reason, assessment)
  local key = keys.contact .. given.contact
  redis.call('HSET', key, 'email', given.email, 'signup:' .. given.campaign, assessment)
  if given.first_name ~= '' then redis.call('HSETNX', key, 'first_name', given.first_name) end
  timeline.add(given.contact, given.received_ms, 'signup ' .. reason, given.campaign)
  counts.add('signups:' .. reason, 1)
  note_campaign(batch, given.calls_campaign)
end

local function name_in(assessment)
  return cjson.decode(assessment)[1]
end

-- Anyone can post another signup with a contact's address: it fills in a missing name, and never changes one.
-- `stored`: the assessment so far; `kept`: the one that is stored from now on.
local function keep_name(enrollment, given, assessment, stored, kept)
  local first = redis.call('HGET', enrollment, 'first_name') or name_in(stored)
  local named = name_in(assessment)
  local name = first ~= '' and first or named
  if name ~= name_in(kept) and redis.call('HSET', enrollment, 'first_name', name) == 1 and kept == stored then
    projection.changed(given.id, given.received_ms)
  end
  if named ~= '' and named ~= name then
    timeline.add(given.id, given.received_ms, 'note', table.concat({
      '{"field": "first_name", "what": "was not changed: a later signup gave another one", "kept": ', cjson.encode(name), '}',
    }))
  end
end

local function assess_again(enrollment, given, assessment)
  local id, received_ms = given.id, given.received_ms
  redis.call('HSET', enrollment, 'assessed_ms', received_ms, 'segment', given.segment, 'assessment', assessment)
  if given.language then redis.call('HSET', enrollment, 'language', given.language) end
  timeline.add(id, received_ms, 'assessed again', given.segment)
  projection.changed(id, received_ms)
  queue.schedule('classify', id, received_ms)
end

-- Store consents and notes. A signup that arrives late, after a newer one, only fills in a missing consent.
local function keep_details(enrollment, given, is_newest)
  for _, name in ipairs({'consent', 'sms_consent'}) do
    if given[name] then redis.call(is_newest and 'HSET' or 'HSETNX', enrollment, name, given[name]) end
  end
  for _, note in ipairs(given.notes or {}) do timeline.add(given.id, given.received_ms, 'note', note) end
end

local function accept(batch, webhook, json, assessment)
  local given = cjson.decode(json)
  local answered = batch.answers[webhook] or redis.call('GET', webhook)
  if answered then
    local said, rest, owner = string.match(answered, '^(%S+)( .* (%S+))$')
    -- The store's answer was lost and the spool answered instead: the sender received the spool's answer.
    if given.answer and said ~= given.answer then
      answered = given.answer .. string.gsub(rest, owner .. '$', given.answered_id or owner)
      batch.answers[webhook], batch.answered_ms[webhook] = answered, given.received_ms
    end
    return {1, answered, redis.call('HGET', keys.enrollment .. mailbox.kept(owner), 'email') or ''}
  end

  given.id, given.contact = mailbox.contact(given), given.contact and mailbox.contact(given.contact)
  local enrollment = keys.enrollment .. given.id
  if batch.has_anybody_left then suppression.adopt(given.spelled_hash, given.address_hash) end

  -- For a contact who was forgotten, or whose ended enrollment was erased, only the answer to the webhook id is stored:
  -- the one for a known contact.
  local answer = 'duplicate'
  local is_forgotten = batch.has_anybody_left and suppression.is_forgotten(given.address_hash)
  if not is_forgotten and not (batch.has_anybody_ended and sequence.is_erased(given.id)) then
    local anchor_ms, assessed_ms, status, stored = unpack(
      redis.call('HMGET', enrollment, 'anchor_ms', 'assessed_ms', 'status', 'assessment'))
    local is_new = not anchor_ms or is_left_over(batch, given.id, status)
    local refused, is_newest = is_new and refusal(given), true
    if refused then
      store_refused(batch, given, refused, assessment)
      answer = refused
    elseif is_new then
      begin(batch, enrollment, given, assessment)
      sequence.join(given.id, mailbox.contacts(given.others))
      answer = 'accepted'
    elseif status == 'held' then
      begin(batch, enrollment, given, assessment, true)
    else
      is_newest = given.received_ms > tonumber(assessed_ms or anchor_ms)
      -- Before the assessment is written: a signup that fails halfway is sent again and must find the earlier name.
      keep_name(enrollment, given, assessment, stored, is_newest and assessment or stored)
      if is_newest then assess_again(enrollment, given, assessment) end
    end
    if not refused then keep_details(enrollment, given, is_newest) end
  end
  answered = table.concat({given.answer or answer, given.segment, given.received_ms, given.answered_id or given.id}, ' ')
  batch.answers[webhook], batch.answered_ms[webhook] = answered, given.received_ms
  return {0, answered, ''}
end

-- accept(KEYS = [webhook] × signups, ARGV = [JSON, assessment] × signups)
--   JSON        id, spelled_id, separate: whose it is, see mailbox.lua; address_hash, spelled_hash; received_ms;
--               segment; campaign; email; language: one of the campaign's, if the signup names one
--               answer, answered_id: what the spool has answered already, and the enrollment id that it named
--               consent, sms_consent: JSON; notes: [JSON], see common/domain/note.py
--               others: the contacts that this person has or would have in other campaigns; excludes: those of them
--               whose running enrollment prevents this one; is_closed: no contact may enrol now
--               contact: under which the person's calls are stored and, with first_name, a signup of a person who may
--               not enrol; calls_campaign: the campaign of that contact
--               per_hour, per_source, visitor: see held.lua
--               mailbox: index id of the mailbox, where the enrollment's id is not made of it
--   assessment  text, see codec.py
--   webhook     STRING  the answer given: `accepted|duplicate|closed|excluded segment received_ms enrollment id`
-- → [[repeated 0|1, answer, e-mail of the answered enrollment or ''], or the error that this one raised] × signups
-- Remember the webhook id, reserve (campaign, e-mail), store the signup, schedule its classification. Signups that
-- arrive together are accepted in one call, one after the other; an error in one does not affect the others. The answer
-- is given and the id remembered after everything else is done: a signup that fails halfway is sent again, and
-- completed then.
function signups.accept()
  local batch, answers = new_batch(), {}
  for i = 1, #KEYS do
    local is_done, answer = pcall(accept, batch, KEYS[i], ARGV[2 * i - 1], ARGV[2 * i])
    -- Valkey raises errors as strings, Redis 7 as tables.
    answers[i] = is_done and answer or {err = type(answer) == 'table' and answer.err or answer}
  end
  if #batch.newcomers > 0 then
    -- A contact who signed up twice in this call is scheduled already, for the later time.
    redis.call('ZADD', queue_keys.delayed('classify'), 'GT', unpack(batch.classifications))
    redis.call('ZADD', keys.under_way, unpack(batch.classifications))
    counts.add('accepted', #batch.newcomers)
    people.note_changes(batch.newcomers)
  end
  webhook_ids.remember_all(batch.answers, batch.answered_ms)
  return answers
end

-- enroll(KEYS = [enrollment], ARGV = [JSON]) → status after it | 'another version' is in force | false unknown
--   JSON  id, now_ms; first: {name, due_ms} of the first step; announce: whether a hot lead is announced
--         version, segment: of the campaign in force, and the segment by its rules, which a gateway may not know yet
-- The gateway has determined the segment already, by the same rule as classify. A CRITICAL contact is announced once,
-- also when a later assessment made them so.
function signups.enroll()
  local given, key = cjson.decode(ARGV[1]), KEYS[1]
  local id, now_ms = given.id, given.now_ms
  local status, hold, segment = unpack(redis.call('HMGET', key, 'status', 'hold', 'segment'))
  if not status then return false end
  if given.version and (in_force.of(given.campaign) or given.version) ~= given.version then return 'another version' end

  if given.version and segment ~= given.segment and (status == 'accepted' or status == 'active') then
    redis.call('HSET', key, 'segment', given.segment)
    segment = given.segment
    projection.changed(id, now_ms)
  end
  if status == 'accepted' then
    redis.call('HSET', key, 'status', 'active')
    counts.add('accepted', -1)
    counts.add('active', 1)
    sequence.plan_next(owners.of(id), given.first.name, given.first.due_ms, hold)
    projection.changed(id, now_ms)
    status = 'active'
  end
  if given.announce and status == 'active' and segment == 'CRITICAL'
    and redis.call('HSETNX', key, 'announced_ms', now_ms) == 1 then
    queue.schedule('announce', id, now_ms)
  end
  return status
end

return signups
