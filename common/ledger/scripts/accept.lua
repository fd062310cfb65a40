-- accept(KEYS = [webhook, enrollment] × signups,
--        ARGV = [enrollment id, received_ms, remember_ms, answer or '', segment, campaign, e-mail, told] × signups)
--   → [[repeated 0|1, answer line, e-mail], or the error that this one met] × signups
--   webhook     STRING  the answer given: `accepted|duplicate segment received_ms enrollment id`
--   enrollment  HASH    one person in one campaign
-- Remember the webhook id, claim (campaign, e-mail), keep the signup, ask for its classification: all of it or nothing.
-- Those that come together are taken in one call, one after the other; what one of them meets is no other's concern.

-- Written and asked once for all newcomers of a call: one by one it would be a quarter of the script's time.
local newcomers, classifications = {}, {}
local somebody_is_paused = redis.call('EXISTS', P .. 'pauses') == 1

local function accept(webhook, enrollment, id, received_ms, remember_ms, answer, segment, campaign, email, told)
  local given = redis.call('GET', webhook)
  if given then
    local said, rest, owner = string.match(given, '^(%S+)( .* (%S+))$')
    -- The store took it, its answer was lost, and the spool gave one of its own: that one was heard.
    if answer ~= '' and said ~= answer then
      given = answer .. rest
      redis.call('SET', webhook, given, 'KEEPTTL')
    end
    return {1, given, redis.call('HGET', P .. 'enrollment:' .. owner, EMAIL) or ''}
  end

  local known = redis.call('HMGET', enrollment, ANCHOR, 'assessed')
  local assessed_ms = known[2] or known[1]
  if not assessed_ms then
    redis.call('HSET', enrollment, CAMPAIGN, campaign, STATUS, 'accepted', ANCHOR, received_ms,
      SEGMENT, segment, EMAIL, email, ASSESSED, told)
    newcomers[#newcomers + 1] = id
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

  local line = table.concat({answer, segment, received_ms, id}, ' ')
  redis.call('SET', webhook, line, 'PX', remember_ms)
  return {0, line, ''}
end

local answers = {}
for signup = 1, #KEYS / 2 do
  local key, arg = 2 * signup, 8 * signup
  local was_well, answer = pcall(accept, KEYS[key - 1], KEYS[key], unpack(ARGV, arg - 7, arg))
  -- Valkey's errors are texts, Redis 7's are tables.
  answers[signup] = was_well and answer or {err = type(answer) == 'table' and answer.err or answer}
end
if #newcomers > 0 then
  redis.call('SADD', P .. 'enrolled', unpack(newcomers))
  -- Whoever came twice just now is scheduled already, for the later instant.
  redis.call('ZADD', delayed('classify'), 'GT', unpack(classifications))
  count('accepted', #newcomers)
end
return answers
