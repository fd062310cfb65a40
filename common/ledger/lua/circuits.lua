-- Opens the circuit of a provider whose trouble concerns everything that needs it.
--   circuit:<provider>  HASH  see circuit.lua
-- uses: circuit, queue

local circuits = {}

local DIFFERENT_MAX, FAILING_MS, LONGEST_MS = 3, 600000, 30000

-- report_failure(KEYS = [circuit], ARGV = [JSON])
--   JSON  id: of what failed; reason; provider_wide: everything would fail; now_ms; at_least_ms: until when the
--         provider demands a wait; queue: whose jobs all need this provider, if any
-- → [until_ms, 'opened' by this | 'changed' its reason | ''] | [0, ''] the circuit is closed
-- A provider-wide failure, or failures of three different ids with no success between, open the circuit: for 1 s, then
-- twice as long after each probe that fails, at most 30 s.
function circuits.report_failure()
  local given, key = cjson.decode(ARGV[1]), KEYS[1]
  local now_ms, at_least_ms = given.now_ms, given.at_least_ms or 0
  local misses, failing, reason = unpack(redis.call('HMGET', key, 'misses', 'failing', 'reason'))
  local known_ms = circuit.read(key, now_ms)
  failing = failing or ''
  if not string.find(' ' .. failing, ' ' .. given.id .. ' ', 1, true) then failing = failing .. given.id .. ' ' end
  local _, different = string.gsub(failing, ' ', '')
  if not known_ms and not given.provider_wide and different < DIFFERENT_MAX then
    redis.call('HSET', key, 'failing', failing)
    redis.call('PEXPIRE', key, FAILING_MS) -- nothing depends on it: an old failure says nothing about now
    return {0, ''}
  end

  local news = not known_ms and 'opened' or reason ~= given.reason and 'changed' or ''
  local until_ms = tonumber(known_ms or 0)
  if until_ms > now_ms then
    -- This request began before the circuit opened: it extends the wait only to what the provider demands.
    if at_least_ms <= until_ms then return {until_ms, ''} end
    until_ms = at_least_ms
  else
    misses = tonumber(misses or 0)
    until_ms = math.max(now_ms + math.min(1000 * 2 ^ misses, LONGEST_MS), at_least_ms)
    redis.call('HSET', key, 'misses', misses + 1)
  end
  redis.call('PERSIST', key)
  redis.call('HSET', key, 'until_ms', until_ms, 'wait_ms', until_ms - now_ms, 'reason', given.reason)
  redis.call('HSETNX', key, 'since_ms', now_ms)
  redis.call('HDEL', key, 'probe_ms', 'failing')
  if given.queue then
    redis.call('HSET', key, 'queue', given.queue)
    queue.probe_from(given.queue, until_ms, given.id, until_ms - now_ms)
  end
  return {until_ms, news}
end

-- open_until(KEYS = [circuit], ARGV = [now_ms]) → until_ms, if everything waits for this provider now | 0
function circuits.open_until()
  local now_ms = tonumber(ARGV[1])
  local until_ms = circuit.read(KEYS[1], now_ms)
  return until_ms and until_ms > now_ms and until_ms or 0
end

return circuits
