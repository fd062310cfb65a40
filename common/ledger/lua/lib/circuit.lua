-- While a provider's circuit is open, one delivery a second is let through, from a given time on, to probe the
-- provider; the others keep their places in the schedule. A job whose probe failed comes after those that have not
-- failed, so that a few jobs cannot block the others: see probe_from and promote in common/queue/lua.
--   circuit:<provider>         HASH  until_ms, reason, since_ms, misses; probe_ms: time of the newest probe; queue:
--                                    whose jobs all need this provider, if any; failing: ids whose requests failed
--                                    since the last success, while the circuit is closed; wait_ms: how far ahead
--                                    until_ms was
-- uses: queue

local circuit = {}

-- Close the circuit after a successful request. Return since when it was open; 0: it was not.
function circuit.close(key)
  local until_ms, since_ms, queue_name = unpack(redis.call('HMGET', key, 'until_ms', 'since_ms', 'queue'))
  redis.call('DEL', key)
  if queue_name then queue.end_probing(queue_name) end
  return until_ms and tonumber(since_ms or 0) or 0
end

-- The longest wait that a provider demands; a time further ahead was written while a clock was wrong.
local WAIT_MAX_MS = 3600000

-- Return until_ms, reason and probe_ms of an open circuit; nil: it is closed. A time further ahead than it was when it
-- was written is ignored, and the next delivery probes.
function circuit.read(key, now_ms)
  local until_ms, reason, probe_ms, wait_ms =
    unpack(redis.call('HMGET', key, 'until_ms', 'reason', 'probe_ms', 'wait_ms'))
  if not until_ms then return end
  local bounded_ms = queue.bounded('circuit', until_ms, now_ms, wait_ms or WAIT_MAX_MS)
  if bounded_ms ~= tonumber(until_ms) then redis.call('HSET', key, 'until_ms', string.format('%.0f', bounded_ms)) end
  if probe_ms and queue.is_too_far(probe_ms, now_ms, 0) then probe_ms = nil end
  return bounded_ms, reason, probe_ms
end

-- How long other deliveries wait for a probe.
local PROBE_MS = 15000

-- Return until when to wait; now or earlier: probe. The job that failed last returns at until_ms and probes for all;
-- the others return a second later, and wait while a probe is under way.
function circuit.wait_until(until_ms, probe_ms, now_ms)
  if tonumber(until_ms) > now_ms then return tonumber(until_ms) + 1000 end
  return probe_ms and tonumber(probe_ms) + PROBE_MS > now_ms and now_ms + 1000 or 0
end

return circuit
