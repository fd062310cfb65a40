-- accept(KEYS = [webhook, enrollment],
--        ARGV = [enrollment id, received_ms, remember_ms, answer or '', segment, campaign, names of all assessment
--                fields joined by ' ', field, value, …]) → [repeated 0|1, answer line, e-mail]
--   webhook     STRING  the answer given: `accepted|duplicate segment received_ms enrollment id`
--   enrollment  HASH    one person in one campaign
-- Remember the webhook id, claim (campaign, e-mail), keep the signup, ask for its classification: all of it or nothing.

local webhook, enrollment = KEYS[1], KEYS[2]
local id, received_ms, remember_ms, answer = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local segment, campaign, names = ARGV[5], ARGV[6], ARGV[7]

local given = redis.call('GET', webhook)
if given then
  local owner = string.match(given, '(%S+)$')
  return {1, given, redis.call('HGET', P .. 'enrollment:' .. owner, 'email') or ''}
end

local assessed_ms = redis.call('HGET', enrollment, 'assessed')
if not assessed_ms then
  redis.call('HSET', enrollment, 'campaign', campaign, 'status', 'accepted', 'anchor', received_ms,
    'assessed', received_ms, 'segment', segment, unpack(ARGV, 8))
  redis.call('SADD', P .. 'enrolled', id)
  count('accepted', 1)
  schedule('classify', id, received_ms)
  if answer == '' then answer = 'accepted' end
else
  if tonumber(received_ms) > tonumber(assessed_ms) then
    for field in string.gmatch(names, '%S+') do redis.call('HDEL', enrollment, field) end
    redis.call('HSET', enrollment, 'assessed', received_ms, 'segment', segment, unpack(ARGV, 8))
    tell(id, received_ms, 'assessed again', segment)
    changed(id, received_ms)
    schedule('classify', id, received_ms)
  end
  if answer == '' then answer = 'duplicate' end
end

local line = table.concat({answer, segment, received_ms, id}, ' ')
redis.call('SET', webhook, line, 'PX', remember_ms)
return {0, line, ''}
