-- found(KEYS = [enrollment, delivery, dead], ARGV = [enrollment id, step, now_ms, buried_ms, sent_ms, provider id, steps])
--   → 1 | 0 not a dead letter, or buried again since
--   dead  ZSET  delivery → instant of its burial, ms
-- A dead letter turns out to have been accepted: the provider lists it.

local enrollment, delivery, dead = KEYS[1], KEYS[2], KEYS[3]
local id, step, now_ms, buried_ms, sent_ms = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
local job = id .. '/step-' .. step

local since_ms = redis.call('ZSCORE', dead, job)
if not since_ms or tonumber(since_ms) ~= buried_ms then return 0 end
redis.call('ZREM', dead, job)
record(id, step, 'accepted', now_ms, redis.call('HGET', delivery, 'attempts') or 0, sent_ms, ARGV[6])
last_sent(id, sent_ms)
redis.call('DEL', delivery)
tell(id, now_ms, 'found', 'step ' .. step .. ': the provider had accepted it')
complete(id, tonumber(ARGV[7]), now_ms)
changed(id, now_ms)
return 1
