-- What the provider's webhooks report of a delivery after accepting it.
--   feedback:<owner>            HASH  `name kind` → `first_ms count detail`
--   content_bounces:<campaign>  ZSET  contact → when a mail to them was last refused for its content, ms
-- Reports are stored as a set, and the status of a delivery is read from all of them (records.lua), so that repeated or
-- late reports lead to the same status. A report that arrives before the acceptance is recorded waits in the set.
-- uses: delivery, mailbox, owners, records, sequence, suppression, timeline, webhook_ids

local feedback = {}

-- The first report of a kind says when and why; of two at the same time the smaller text: their order must not matter.
local function keep(given, owner)
  local key, field = keys.feedback .. owner.id, given.name .. ' ' .. given.kind
  local first_ms, count, detail = string.match(redis.call('HGET', key, field) or '', '^(%d+) (%d+) (.*)$')
  local kept_ms, kept_detail = given.event_ms, given.detail
  first_ms = tonumber(first_ms)
  if first_ms and (first_ms < kept_ms or first_ms == kept_ms and detail <= kept_detail) then
    kept_ms, kept_detail = first_ms, detail
  end
  redis.call('HSET', key, field, table.concat({kept_ms, (count or 0) + 1, kept_detail}, ' '))
end

local function apply(given, owner)
  local name = given.name
  local line = redis.call('HGET', owner.key, '/' .. name)
  local status, at_ms, attempts, sent, detail = string.match(line or '', '^(%S+) (%S+) (%S+) (%S+) (.*)$')
  if sent and sent ~= '0' then
    local reported, reported_ms = records.reported(owner, name)
    if reported then records.write(owner, name, reported, reported_ms, attempts, at_ms + sent, detail) end
    return
  end
  if given.kind == 'failed' then return end
  local key = keys.delivery .. owner.id .. '/' .. name
  local claim_id = redis.call('HGET', key, 'claim_id')
  local is_over = status == 'dead' or status == 'skipped'
  if not is_over and delivery.is_claimed(claim_id) then
    -- A live worker is processing it and settles the outcome of its own attempt, knowing this.
    redis.call('HSET', key, 'reported', string.format('%.0f', given.mailed_ms) .. ' ' .. given.provider_id)
  elseif is_over or claim_id then
    delivery.accept_as_reported(owner, name, given.label, given.now_ms, given.mailed_ms, given.provider_id, given.paced)
  end
end

-- Mailbox bounces in a row, each mail counted once, make the address rest. A delivered mail ends the row, in whatever
-- order the reports arrive.
local function count_mailbox_bounce(given, owner, address_hash)
  local reported = redis.call('HGETALL', keys.feedback .. owner.id)
  for i = 1, #reported, 2 do
    local is_delivery = string.find(reported[i], ' delivered$')
    if is_delivery and tonumber(string.match(reported[i + 1], '^%d+')) >= given.event_ms then return end
  end
  local key = keys.soft_bounces .. address_hash
  redis.call('HSET', key, owner.id .. '/' .. given.name, string.format('%.0f', given.event_ms))
  redis.call('PEXPIRE', key, given.remember_ms)
  local bounces = redis.call('HLEN', key)
  if bounces < given.soft_bounce_limit or suppression.is_resting(address_hash) then return end
  redis.call('HSET', keys.resting, address_hash, string.format('%.0f', given.now_ms) .. ' ' .. bounces)
  timeline.add(given.contact, given.now_ms, 'resting', bounces .. ' mailbox bounces in a row: ' .. given.detail)
end

local function reset_bounces(given, address_hash)
  local key = keys.soft_bounces .. address_hash
  local bounced = redis.call('HGETALL', key)
  for i = 1, #bounced, 2 do
    if tonumber(bounced[i + 1]) <= given.event_ms then redis.call('HDEL', key, bounced[i]) end
  end
end

-- A fault in a text concerns every contact: this shows for how many contacts it was refused within a day.
local function note_content_bounce(given, campaign)
  local key = keys.content_bounces .. campaign
  redis.call('ZADD', key, given.now_ms, given.contact)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', given.now_ms - given.content_bounces_ms)
  redis.call('PEXPIRE', key, given.content_bounces_ms)
end

local function note_bounces(given, owner)
  local campaign, address_hash = unpack(redis.call('HMGET', owner.key, 'campaign', 'address_hash'))
  if given.kind == 'content-bounced' and campaign then note_content_bounce(given, campaign) end
  if given.ended_by then return end
  if given.kind == 'delivered' and address_hash then reset_bounces(given, address_hash) end
  if given.kind == 'soft-bounced' and address_hash then count_mailbox_bounce(given, owner, address_hash) end
end

-- A suppressed contact leaves every campaign. Reports from before they came back end only the campaign of the mail.
local function leave(given, address_hash)
  sequence.exit(given.contact, given.ends, given.now_ms)
  if not suppression.reason(address_hash) then return end
  local others = redis.call('HGET', keys.enrollment .. given.contact, 'others') or ''
  for contact in string.gmatch(others, '%S+') do sequence.exit(contact, given.ends, given.now_ms) end
end

-- record(KEYS = [webhook], ARGV = [JSON])
--   JSON  owner, name, label, paced, ended_by (it is not mail): as in deliveries.lua; contact; kind, detail, event_ms,
--         provider_id, mailed_ms: what was reported, see domain/feedback.py; now_ms
--         remember_ms: how long a mailbox bounce counts
--         ends: why the sequence ends, if it does; address_hash: of the address that is suppressed then; absent: of
--               the owner's, if it is mail
--         soft_bounce_limit: mailbox bounces in a row after which an address rests
--         content_bounces_ms: how long content bounces are stored
--   webhook  STRING  the answer given: `kind delivery received_ms`
-- → [repeated 0|1, answer]
function feedback.record()
  local given = cjson.decode(ARGV[1])
  local answered = redis.call('GET', KEYS[1])
  if answered then return {1, answered} end
  local answer = table.concat({given.kind, given.owner .. '/' .. given.name, given.now_ms}, ' ')
  webhook_ids.remember(KEYS[1], answer, given.now_ms)

  -- After a rebuild a mail may name an id that is only an alias of the enrollment's.
  given.owner, given.contact = mailbox.kept(given.owner), mailbox.kept(given.contact)
  local owner = owners.of(given.owner)
  -- Of a contact who was forgotten, only the address hash is stored.
  if redis.call('EXISTS', owner.key) == 1 then
    if given.kind ~= 'sent' then keep(given, owner) end
    apply(given, owner)
    note_bounces(given, owner)
  end
  if given.ends then
    local address_hash = given.address_hash
    if not address_hash and not given.ended_by then address_hash = redis.call('HGET', owner.key, 'address_hash') end
    if address_hash then suppression.add(address_hash, given.ends, given.event_ms) end
    -- If it is a phone number, mail continues.
    if not given.ended_by then leave(given, address_hash) end
  end
  return {0, answer}
end

local function known_of(contacts)
  local known = {}
  for _, contact in ipairs(contacts) do
    if redis.call('EXISTS', keys.enrollment .. contact, keys.contact .. contact) > 0 then known[#known + 1] = contact end
  end
  return known
end

-- record_foreign(KEYS = [webhook], ARGV = [JSON])
--   JSON  as of `record`, without a delivery: a report that ends mail to an address, about a mail not sent by Advent
--         contacts: those that the address has or would have, one for each campaign
-- → [repeated 0|1, answer] | [0, '']: the address is not known here, and nothing is stored
function feedback.record_foreign()
  local given = cjson.decode(ARGV[1])
  local answered = redis.call('GET', KEYS[1])
  if answered then return {1, answered} end
  local known = known_of(given.contacts)
  if #known == 0 then return {0, ''} end
  local answer = table.concat({given.kind, '-', given.now_ms}, ' ')
  webhook_ids.remember(KEYS[1], answer, given.now_ms)
  suppression.add(given.address_hash, given.ends, given.event_ms)
  for _, contact in ipairs(known) do
    given.contact = contact
    timeline.add(contact, given.now_ms, 'reported', given.kind .. ' of a mail that is not of this campaign')
    leave(given, given.address_hash)
  end
  return {0, answer}
end

return feedback
