-- accept(KEYS = [webhook, enrollment],
--        ARGV = [enrollment id, received_ms, remember_ms, answer or '', segment, campaign, e-mail, told])
--   → [repeated 0|1, answer line, e-mail]
--   webhook     STRING  the answer given: `accepted|duplicate segment received_ms enrollment id`
--   enrollment  HASH    one person in one campaign
-- Remember the webhook id, claim (campaign, e-mail), keep the signup, ask for its classification: all of it or nothing.

local webhook, enrollment = KEYS[1], KEYS[2]
local id, received_ms, remember_ms, answer = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local segment, campaign, email, told = ARGV[5], ARGV[6], ARGV[7], ARGV[8]

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
  redis.call('SADD', P .. 'enrolled', id)
  count('accepted', 1)
  schedule('classify', id, received_ms)
  if is_paused(id) then hold(id, 'paused', received_ms) end
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
