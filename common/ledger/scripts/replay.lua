-- replay(KEYS = [enrollment, delivery, dead], ARGV = [enrollment id, step, now_ms, fresh 0|1]) → 1 | 0 not a dead letter
--   dead  ZSET  delivery → instant of its burial, ms
-- The dead letter is planned again, due at once, with all its tries. Its frozen mail goes with it unless `fresh`: only a
-- mail that the provider certainly never had may be rendered anew.

local enrollment, delivery, dead = KEYS[1], KEYS[2], KEYS[3]
local id, step, now_ms, fresh = ARGV[1], ARGV[2], ARGV[3], ARGV[4] == '1'
local job = id .. '/step-' .. step

if redis.call('ZREM', dead, job) == 0 then return 0 end
redis.call('HDEL', enrollment, 's' .. step)
count('fate:dead', -1)
redis.call('HSET', delivery, 'worker', '', 'failures', 0, 'retry', now_ms, 'replay', 1)
redis.call('HSETNX', delivery, 'due', now_ms)
if fresh then redis.call('HDEL', delivery, 'frozen', 'first', 'doubt') end
redis.call('ZADD', P .. 'open', now_ms, job)
schedule('send', job, now_ms)
tell(id, now_ms, 'replayed', 'step ' .. step)
changed(id, now_ms)
return 1
