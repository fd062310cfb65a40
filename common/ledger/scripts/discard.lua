-- discard(KEYS = [delivery, dead], ARGV = [enrollment id, step, now_ms]) → 1 | 0 not a dead letter
-- A person decided that this mail shall not be sent. Its fate stays `dead`, with the reason it had.

local job = ARGV[1] .. '/step-' .. ARGV[2]
if redis.call('ZREM', KEYS[2], job) == 0 then return 0 end
redis.call('DEL', KEYS[1])
tell(ARGV[1], ARGV[3], 'discarded', 'step ' .. ARGV[2])
return 1
