-- refuse_replay(KEYS = [delivery, dead], ARGV = [delivery id, now_ms, buried_ms, why])
--   → 1 | 0 not a dead letter, or buried again since
--   delivery  HASH  asked, refused: as in ask_replay
--   dead      ZSET  delivery → instant of its burial, ms

local delivery, dead = KEYS[1], KEYS[2]
local id, now_ms, buried_ms, why = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]

if tonumber(redis.call('ZSCORE', dead, id) or -1) ~= buried_ms then return 0 end
redis.call('HDEL', delivery, 'asked')
redis.call('HSET', delivery, 'refused', why)
local owner, step = string.match(id, '^(enr_[^/]+)/step%-(%d+)$')
if owner then tell(owner, now_ms, 'not replayed', 'step ' .. step .. ': ' .. why) end
return 1
