-- pause(KEYS = [pauses, enrollment, if it is one], ARGV = ['*' or enrollment id, who, when and why as JSON, now_ms])
--   → [1 paused by this | 0 it was, the pause that stands]
--   pauses            HASH  `*` for everybody, or enrollment id → the pause
--   queue:__paused__  SET   queues of which nothing is made ready: everything keeps its place and its instant
-- Nobody is lost and nobody is looked at in vain: of everybody the schedule stands still, of one person it is emptied by a
-- hold. What is in hand already is stopped by its freeze, or has left.

local whose, said, now_ms = ARGV[1], ARGV[2], ARGV[3]

local stands = redis.call('HGET', KEYS[1], whose)
if stands then return {0, stands} end
redis.call('HSET', KEYS[1], whose, said)
if whose == '*' then
  redis.call('SADD', P .. 'queue:__paused__', 'send')
else
  hold(whose, 'paused', now_ms)
end
return {1, said}
