-- accept(KEYS = [webhook, enrollment] × signups,
--        ARGV = [enrollment id, received_ms, remember_ms, answer or '', segment, campaign, e-mail, told,
--                mark] × signups)
--   → [[repeated 0|1, answer line, e-mail], or the error that this one met] × signups
--   webhook     STRING  the answer given: `accepted|duplicate segment received_ms enrollment id`
--   enrollment  HASH    one person in one campaign
--   mark: of the e-mail
-- Remember the webhook id, claim (campaign, e-mail), keep the signup, ask for its classification.
-- Those that come together are taken in one call, one after the other; what one of them meets is no other's concern.
-- Nothing is answered, and no id remembered, before all else is done: what fails half-way comes again and is completed.

-- Written and asked once for all newcomers of a call: one by one it would be a quarter of the script's time.
local newcomers, classifications, is_coming = {}, {}, {}
local lines, kept_ms = {}, {}
local somebody_is_paused = redis.call('EXISTS', P .. 'pauses') == 1
local somebody_has_left = redis.call('EXISTS', P .. 'suppressed') == 1

-- A call that failed before its end left somebody whom nothing would ever classify: they come anew.
local function is_left_over(id, status)
  return status == 'accepted' and not is_coming[id] and redis.call('SISMEMBER', P .. 'enrolled', id) == 0
end

local function accept(webhook, enrollment, id, received_ms, remember_ms, answer, segment, campaign, email, told, mark)
  local given = lines[webhook] or redis.call('GET', webhook)
  if given then
    local said, rest, owner = string.match(given, '^(%S+)( .* (%S+))$')
    -- The store took it, its answer was lost, and the spool gave one of its own: that one was heard.
    if answer ~= '' and said ~= answer then
      given = answer .. rest
      lines[webhook], kept_ms[webhook] = given, remember_ms
    end
    return {1, given, redis.call('HGET', P .. 'enrollment:' .. owner, EMAIL) or ''}
  end

  -- Of a person who was forgotten nothing is kept again but that this id was answered, as one of somebody known.
  if somebody_has_left and is_forgotten(mark) then
    if answer == '' then answer = 'duplicate' end
    lines[webhook], kept_ms[webhook] = table.concat({answer, segment, received_ms, id}, ' '), remember_ms
    return {0, lines[webhook], ''}
  end

  local known = redis.call('HMGET', enrollment, ANCHOR, 'assessed', STATUS)
  local assessed_ms = known[2] or known[1]
  if not assessed_ms or is_left_over(id, known[3]) then
    redis.call('HSET', enrollment, CAMPAIGN, campaign, STATUS, 'accepted', ANCHOR, received_ms,
      SEGMENT, segment, EMAIL, email, ASSESSED, told)
    newcomers[#newcomers + 1] = id
    is_coming[id] = true
    classifications[2 * #newcomers - 1], classifications[2 * #newcomers] = received_ms, id
    if somebody_is_paused and is_paused(id) then hold(id, 'paused', received_ms) end
    if answer == '' then answer = 'accepted' end
  else
    if tonumber(received_ms) > tonumber(assessed_ms) then
      redis.call('HSET', enrollment, 'assessed', received_ms, SEGMENT, segment, ASSESSED, told)
      tell(id, received_ms, 'assessed again', segment)
      changed(id, received_ms)
      schedule('classify', id, received_ms)
    end
    if answer == '' then answer = 'duplicate' end
  end

  lines[webhook], kept_ms[webhook] = table.concat({answer, segment, received_ms, id}, ' '), remember_ms
  return {0, lines[webhook], ''}
end

local answers = {}
for signup = 1, #KEYS / 2 do
  local key, arg = 2 * signup, 9 * signup
  local was_well, answer = pcall(accept, KEYS[key - 1], KEYS[key], unpack(ARGV, arg - 8, arg))
  -- Valkey's errors are texts, Redis 7's are tables.
  answers[signup] = was_well and answer or {err = type(answer) == 'table' and answer.err or answer}
end
if #newcomers > 0 then
  -- Whoever came twice just now is scheduled already, for the later instant.
  redis.call('ZADD', delayed('classify'), 'GT', unpack(classifications))
  redis.call('SADD', P .. 'enrolled', unpack(newcomers))
  count('accepted', #newcomers)
end
for webhook, line in pairs(lines) do
  redis.call('SET', webhook, line, 'PX', kept_ms[webhook])
end
return answers
