-- discard_reminder(KEYS = [meeting, delivery, dead], ARGV = [booking id, name, now_ms]) → 1 | 0 not a dead letter
-- A person decided that this mail shall not be sent. Its fate stays `dead`, with the reason it had.

if redis.call('ZREM', KEYS[3], ARGV[1] .. '/' .. ARGV[2]) == 0 then return 0 end
redis.call('DEL', KEYS[2])
tell(redis.call('HGET', KEYS[1], 'contact'), ARGV[3], 'discarded', 'reminder ' .. string.match(ARGV[2], '[^/]+$'))
return 1
