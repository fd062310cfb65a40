-- Which life of the store this is; see common/domain/store_generation.py.
--   generation  HASH  id; mark, at_ms: of the newest heartbeat; ancestors: ids, by blanks; follows_ms: since when, if there was
--                     a generation before; settlement: JSON, what was settled after a restore

local generation = {}

-- begin(KEYS = [generation], ARGV = [id, mark, now_ms, ancestors]) → 1
function generation.begin()
  local id, mark, now_ms, ancestors = unpack(ARGV)
  redis.call('HSET', KEYS[1], 'id', id, 'mark', mark, 'at_ms', now_ms, 'ancestors', ancestors)
  if ancestors ~= '' then redis.call('HSET', KEYS[1], 'follows_ms', now_ms) end
  return 1
end

-- beat(KEYS = [generation], ARGV = [id, mark, now_ms]) → 1 | 0 the store is at another mark: it is not the one of before
function generation.beat()
  local id, mark = unpack(redis.call('HMGET', KEYS[1], 'id', 'mark'))
  if id ~= ARGV[1] or mark ~= ARGV[2] then return 0 end
  redis.call('HINCRBY', KEYS[1], 'mark', 1)
  redis.call('HSET', KEYS[1], 'at_ms', ARGV[3])
  return 1
end

-- keep(KEYS = [keeper], ARGV = [worker, its word, ms]) → 1 | 0 another worker is the keeper
--   keeper  STRING  `worker word`, for so many ms
function generation.keep()
  local worker, word, silence_ms = unpack(ARGV)
  local kept = redis.call('GET', KEYS[1])
  if kept and string.match(kept, '^%S+') ~= worker then return 0 end
  redis.call('SET', KEYS[1], worker .. ' ' .. word, 'PX', silence_ms)
  return 1
end

return generation
