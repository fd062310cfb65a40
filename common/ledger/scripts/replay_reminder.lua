-- replay_reminder(KEYS = [meeting, delivery, dead], ARGV = [booking id, name, now_ms, way, buried_ms or 0])
--   → 1 | 0 not a dead letter, or buried again since
--   dead  ZSET  delivery → instant of its burial, ms; way: see replay
-- Planned again, due at once, with all its tries. After the start of its meeting it expires.

local meeting, delivery, dead = KEYS[1], KEYS[2], KEYS[3]
local id, name, now_ms, way, buried_ms = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local job = id .. '/' .. name

local since_ms = tonumber(redis.call('ZSCORE', dead, job) or -1)
if since_ms < 0 or (buried_ms > 0 and since_ms ~= buried_ms) then return 0 end
redis.call('ZREM', dead, job)
record_reminder(id, name, 'planned', now_ms, 0, 0, '')
redis.call('HSET', delivery, 'worker', '', 'failures', 0, 'retry', now_ms)
if way == 'fresh' then redis.call('HDEL', delivery, 'frozen') end
if way ~= 'same' then redis.call('HDEL', delivery, 'first', 'doubt') end
redis.call('ZADD', P .. 'open', now_ms, job)
schedule('send', job, now_ms)
tell(redis.call('HGET', meeting, 'contact'), now_ms, 'replayed', 'reminder ' .. string.match(name, '[^/]+$'))
return 1
