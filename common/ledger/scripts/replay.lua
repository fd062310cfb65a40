-- replay(KEYS = [enrollment, delivery, dead], ARGV = [enrollment id, step, now_ms, way, buried_ms or 0])
--   → 1 | 0 not a dead letter, or buried again since
--   dead  ZSET  delivery → instant of its burial, ms
--   way   fresh  rendered anew: only what the provider certainly never had
--         same   the same bytes under the same key, while the provider remembers it; later it is looked for
--         again  the same bytes as if never tried: a person decided so, after it was looked for in vain
-- The dead letter is planned again, due at once, with all its tries.

local enrollment, delivery, dead = KEYS[1], KEYS[2], KEYS[3]
local id, step, now_ms, way, buried_ms = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local job = id .. '/step-' .. step

local since_ms = tonumber(redis.call('ZSCORE', dead, job) or -1)
if since_ms < 0 or (buried_ms > 0 and since_ms ~= buried_ms) then return 0 end
redis.call('ZREM', dead, job)
redis.call('HDEL', enrollment, 's' .. step)
count('fate:dead', -1)
redis.call('HSET', delivery, 'worker', '', 'failures', 0, 'retry', now_ms, 'replay', 1)
redis.call('HSETNX', delivery, 'due', now_ms)
if way == 'fresh' then redis.call('HDEL', delivery, 'frozen') end
if way ~= 'same' then redis.call('HDEL', delivery, 'first', 'doubt') end
redis.call('ZADD', P .. 'open', now_ms, job)
schedule('send', job, now_ms)
tell(id, now_ms, 'replayed', 'step ' .. step)
changed(id, now_ms)
return 1
