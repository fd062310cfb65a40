-- What the provider's webhooks report of a delivery after they accepted it.
--   feedback:<owner>  HASH  `name kind` → `first_ms count detail`
-- What was reported is kept as a set, and the status of a delivery is read from all of it (records.lua): whatever comes
-- twice or late ends alike. What comes before the acceptance is written down waits in the set until it is.
-- uses: delivery, mailbox, owners, projection, records, sequence, timeline

local feedback = {}

-- The first of a kind says when and why; of two at the same time the smaller text, so that order never matters.
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
  if not is_over and delivery.is_held(claim_id) then
    -- A worker that lives has it in hand: the outcome of its attempt is its own to settle, knowing this.
    redis.call('HSET', key, 'reported', string.format('%.0f', given.mailed_ms) .. ' ' .. given.provider_id)
  elseif is_over or claim_id then
    delivery.accept_as_reported(owner, name, given.label, given.now_ms, given.mailed_ms, given.provider_id, given.paced)
  end
end

-- Who complained has complained, also when a bounce came first; who unsubscribed did so before.
local function suppress(given)
  local reason, since_ms = string.match(redis.call('HGET', keys.suppressed, given.address_hash) or '', '^(%S+) (%S+)')
  if reason and reason ~= given.ends and not (reason == 'bounced' and given.ends == 'complained') then return end
  if reason == given.ends and tonumber(since_ms) <= given.event_ms then return end
  redis.call('HSET', keys.suppressed, given.address_hash, given.ends .. ' ' .. string.format('%.0f', given.event_ms))
end

local function leave(given)
  if sequence.exit(given.contact, given.ends, given.now_ms) or given.ends ~= 'complained' then return end
  local key = keys.enrollment .. given.contact
  if redis.call('HGET', key, 'exit_reason') ~= 'bounced' then return end
  redis.call('HSET', key, 'exit_reason', 'complained')
  timeline.add(given.contact, given.now_ms, 'exited', 'complained')
  projection.changed(given.contact, given.now_ms)
end

-- record(KEYS = [webhook], ARGV = [JSON])
--   JSON  owner, name, label, paced: as in deliveries.lua; contact; kind, detail, event_ms, provider_id, mailed_ms: what was
--         reported, see domain/feedback.py; now_ms; remember_ms: how long the webhook id is remembered
--         ends: why the sequence ends, if it does; address_hash: of the address, to be suppressed then
--   webhook  STRING  the answer given: `kind delivery received_ms`
-- → [repeated 0|1, answer]
function feedback.record()
  local given = cjson.decode(ARGV[1])
  local answered = redis.call('GET', KEYS[1])
  if answered then return {1, answered} end
  local answer = table.concat({given.kind, given.owner .. '/' .. given.name, given.now_ms}, ' ')
  redis.call('SET', KEYS[1], answer, 'PX', given.remember_ms)

  -- After a rebuild a mail may name an id that only leads to the enrollment.
  given.owner, given.contact = mailbox.kept(given.owner), mailbox.kept(given.contact)
  local owner = owners.of(given.owner)
  -- Of a contact who was forgotten nothing is kept again, but for the address hash.
  if redis.call('EXISTS', owner.key) == 1 then
    if given.kind ~= 'sent' then keep(given, owner) end
    apply(given, owner)
  end
  if given.ends then
    if given.address_hash then suppress(given) end
    leave(given)
  end
  return {0, answer}
end

return feedback
