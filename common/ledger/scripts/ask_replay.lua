-- ask_replay(KEYS = [delivery, dead], ARGV = [delivery id, now_ms, buried_ms]) → 1 | 0 not a dead letter, or buried again since
--   delivery  HASH  asked: instant at which somebody asked, ms; refused: why a worker left it where it is
--   dead      ZSET  delivery → instant of its burial, ms
-- The actor `replay` does it. Whoever asks twice asks once.

local delivery, dead = KEYS[1], KEYS[2]
local id, now_ms, buried_ms = ARGV[1], ARGV[2], tonumber(ARGV[3])

if tonumber(redis.call('ZSCORE', dead, id) or -1) ~= buried_ms then return 0 end
redis.call('HSET', delivery, 'asked', now_ms)
redis.call('HDEL', delivery, 'refused')
schedule('replay', id, now_ms)
return 1
