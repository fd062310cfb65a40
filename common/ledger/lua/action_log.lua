-- The action log: who did what, see action_log.py.
--   actions  LIST  JSON, newest last

local action_log = {}

-- record(KEYS = [actions], ARGV = [JSON, how many are kept]) → how many there are
-- A call whose answer was lost is repeated: an entry equal to the newest one is not written again.
function action_log.record()
  if redis.call('LINDEX', KEYS[1], -1) ~= ARGV[1] then
    redis.call('RPUSH', KEYS[1], ARGV[1])
    redis.call('LTRIM', KEYS[1], -tonumber(ARGV[2]), -1)
  end
  return redis.call('LLEN', KEYS[1])
end

return action_log
