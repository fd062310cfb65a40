-- doubt(KEYS = [delivery], ARGV = [fence, since_ms, now_ms]) → 1 | 0 claimed by another since
--   delivery  HASH  see claim
-- The provider refuses this try because it has accepted another mail under its key, at since_ms or later. This try is over;
-- that one is looked for, now and by whoever claims it next.

local delivery, fence, since_ms = KEYS[1], ARGV[1], tonumber(ARGV[2])
if redis.call('HGET', delivery, 'fence') ~= fence then return 0 end
local first_ms = tonumber(redis.call('HGET', delivery, 'first') or ARGV[3])
redis.call('HSET', delivery, 'doubt', 1, 'taken', 1, 'unknown', 0, 'first', string.format('%d', math.min(first_ms, since_ms)))
return 1
