-- Which life of the store this is; see common/domain/store_generation.py.
--   generation  HASH  id; mark, at_ms: of the newest heartbeat; ancestors: ids, separated by blanks; follows_ms: since
--                     when, if there was a generation before; settlement: JSON, what was settled after a restore

local generation = {}

-- begin(KEYS = [generation], ARGV = [id, mark, now_ms, ancestors]) → 1
function generation.begin()
  local id, mark, now_ms, ancestors = unpack(ARGV)
  redis.call('HSET', KEYS[1], 'id', id, 'mark', mark, 'at_ms', now_ms, 'ancestors', ancestors)
  if ancestors ~= '' then redis.call('HSET', KEYS[1], 'follows_ms', now_ms) end
  return 1
end

-- beat(KEYS = [generation], ARGV = [id, mark, now_ms]) → 1 | 0 the store is at another mark: it was replaced
-- A repetition of this call, whose first answer was lost, changes nothing; its time shows that the mark is this call's.
function generation.beat()
  local id, mark, at_ms = unpack(redis.call('HMGET', KEYS[1], 'id', 'mark', 'at_ms'))
  if id ~= ARGV[1] then return 0 end
  if tonumber(mark) == ARGV[2] + 1 and at_ms == ARGV[3] then return 1 end
  if mark ~= ARGV[2] then return 0 end
  redis.call('HINCRBY', KEYS[1], 'mark', 1)
  redis.call('HSET', KEYS[1], 'at_ms', ARGV[3])
  return 1
end

return generation
