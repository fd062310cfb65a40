-- While every delivery waits for a provider, one a second is let through to find out, from a given time on; the others
-- keep their places in the schedule. A job that failed so comes after those that did not, so that a few cannot block the
-- others: see probe_from and promote in common/queue/lua.
--   circuit:<provider>         HASH  until_ms, reason, since_ms, misses; probe_ms: time of the try that finds out; queue:
--                                    whose jobs all need this provider, if any; failing: ids whose requests failed since
--                                    the last success, while the circuit is closed; wait_ms: how far until_ms was ahead
-- uses: queue

local circuit = {}

-- A request succeeded: nothing waits for this provider any longer. Answers since when everything did; 0: nothing did.
function circuit.close(key)
  local until_ms, since_ms, queue_name = unpack(redis.call('HMGET', key, 'until_ms', 'since_ms', 'queue'))
  redis.call('DEL', key)
  if queue_name then queue.end_probing(queue_name) end
  return until_ms and tonumber(since_ms or 0) or 0
end

-- The longest wait that a provider asks for; what lies further ahead was written while a clock was wrong.
local WAIT_MAX_MS = 3600000

-- [until_ms, reason, probe_ms] of an open circuit, nil of a closed one. What lies further ahead than it was written to is
-- ignored, and the next delivery probes.
function circuit.read(key, now_ms)
  local until_ms, reason, probe_ms, wait_ms =
    unpack(redis.call('HMGET', key, 'until_ms', 'reason', 'probe_ms', 'wait_ms'))
  if not until_ms then return end
  local bounded_ms = queue.bounded('circuit', until_ms, now_ms, wait_ms or WAIT_MAX_MS)
  if bounded_ms ~= tonumber(until_ms) then redis.call('HSET', key, 'until_ms', string.format('%.0f', bounded_ms)) end
  if probe_ms and queue.is_too_far(probe_ms, now_ms, 0) then probe_ms = nil end
  return bounded_ms, reason, probe_ms
end

-- So long a probe is waited for.
local PROBE_MS = 15000

-- Until when to wait; now or earlier: go and find out. The job that failed last comes back at until_ms and finds out for
-- all; the others come a second later, and wait for a probe that is under way.
function circuit.wait_until(until_ms, probe_ms, now_ms)
  if tonumber(until_ms) > now_ms then return tonumber(until_ms) + 1000 end
  return probe_ms and tonumber(probe_ms) + PROBE_MS > now_ms and now_ms + 1000 or 0
end

return circuit
