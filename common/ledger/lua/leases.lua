-- Work that only one worker does at a time.
--   KEYS  lease: STRING `worker word`, which expires some time after it was written

local leases = {}

local function holder(key)
  return string.match(redis.call('GET', key) or '', '^%S+')
end

-- keep(KEYS = [lease], ARGV = [worker, word, ms]) → 1 | 0 another worker has it
function leases.keep()
  local worker, word, lease_ms = unpack(ARGV)
  if (holder(KEYS[1]) or worker) ~= worker then return 0 end
  redis.call('SET', KEYS[1], worker .. ' ' .. word, 'PX', lease_ms)
  return 1
end

-- leave(KEYS = [lease], ARGV = [worker]) → 1 | 0 it has it no longer
function leases.leave()
  if holder(KEYS[1]) ~= ARGV[1] then return 0 end
  return redis.call('DEL', KEYS[1])
end

return leases
