-- found_reminder(KEYS = [meeting, delivery, dead], ARGV = [booking id, name, now_ms, buried_ms, sent_ms, provider id])
--   → 1 | 0 not a dead letter, or buried again since
--   dead  ZSET  delivery → instant of its burial, ms
-- A dead letter turns out to have been accepted: the provider lists it.

local meeting, delivery, dead = KEYS[1], KEYS[2], KEYS[3]
local id, name, now_ms = ARGV[1], ARGV[2], ARGV[3]
local job = id .. '/' .. name

local since_ms = redis.call('ZSCORE', dead, job)
if not since_ms or tonumber(since_ms) ~= tonumber(ARGV[4]) then return 0 end
redis.call('ZREM', dead, job)
record_reminder(id, name, 'accepted', now_ms, redis.call('HGET', delivery, 'attempts') or 0, ARGV[5], ARGV[6])
redis.call('DEL', delivery)
tell(redis.call('HGET', meeting, 'contact'), now_ms, 'found',
  'reminder ' .. string.match(name, '[^/]+$') .. ': the provider had accepted it')
return 1
