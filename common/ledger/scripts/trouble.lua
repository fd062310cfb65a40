-- trouble(KEYS = [circuit], ARGV = [now_ms, whose, reason, everybody's 0|1, at least until_ms or 0])
--   → [until_ms, 'opened' by this | 'changed' its reason | ''] | [0, ''] nobody waits
--   circuit  HASH  until, reason, since, misses, probe; failing: whose requests failed since the last success
-- A request failed. If that is everybody's trouble, or that of three different ones with no success between, the way is
-- closed for all: until 1 s from now, then twice as long after each probe that fails, 30 s at most.

local circuit, now_ms = KEYS[1], tonumber(ARGV[1])
local whose, reason, everybodys, at_least_ms = ARGV[2], ARGV[3], ARGV[4] == '1', tonumber(ARGV[5])

local known = redis.call('HMGET', circuit, 'until', 'misses', 'failing', 'reason')
local failing = known[3] or ''
if not string.find(failing, whose, 1, true) then failing = failing .. whose .. ' ' end
local _, different = string.gsub(failing, ' ', '')
if not known[1] and not everybodys and different < 3 then
  redis.call('HSET', circuit, 'failing', failing)
  redis.call('PEXPIRE', circuit, 600000) -- rubbish: a failure ten minutes ago says nothing of now
  return {0, ''}
end

local news = not known[1] and 'opened' or known[4] ~= reason and 'changed' or ''
local misses, until_ms = tonumber(known[2] or 0), tonumber(known[1] or 0)
if until_ms > now_ms then
  -- One that left before the way was closed; the wait is not lengthened for it, only for what the provider demands.
  if at_least_ms <= until_ms then return {until_ms, ''} end
  until_ms = at_least_ms
else
  until_ms = math.max(now_ms + math.min(1000 * 2 ^ misses, 30000), at_least_ms)
  redis.call('HSET', circuit, 'misses', misses + 1)
end
redis.call('PERSIST', circuit)
redis.call('HSET', circuit, 'until', until_ms, 'reason', reason)
redis.call('HSETNX', circuit, 'since', now_ms)
redis.call('HDEL', circuit, 'probe', 'failing')
let_through_from(circuit, until_ms, whose)
return {until_ms, news}
