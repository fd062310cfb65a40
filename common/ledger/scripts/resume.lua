-- resume(KEYS = [pauses, enrollment, if it is one], ARGV = ['*' or enrollment id, now_ms]) → the pause that ends | '' there was none
--   pauses, queue:__paused__   see pause
-- What is overdue is due now; how close two mails to one person may come is the claim's matter, and that the meeting of a
-- reminder has begun meanwhile as well.

local whose, now_ms = ARGV[1], ARGV[2]

local stood = redis.call('HGET', KEYS[1], whose)
if not stood then return '' end
redis.call('HDEL', KEYS[1], whose)
if whose == '*' then
  redis.call('SREM', P .. 'queue:__paused__', 'send')
else
  release(whose, 'paused', now_ms)
end
return stood
