-- shown(KEYS = [enrollment, changed, syncing],
--       ARGV = [enrollment id, worker, now_ms, again_ms or 0, revision, field, value, …]) → 1 | 0 no longer ours
--   enrollment  HASH  `shown`: the revision that Notion shows; `page.*`: its pages
-- Notion shows this revision (again_ms 0); or it does not, and the person is changed still, to be taken at again_ms.

local enrollment, changed_key, syncing = KEYS[1], KEYS[2], KEYS[3]
local id, worker, now_ms, again_ms, revision = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]

if redis.call('HGET', syncing, id) ~= worker then return 0 end
redis.call('HDEL', syncing, id)
if redis.call('EXISTS', enrollment) == 0 then return 0 end
if #ARGV > 5 then redis.call('HSET', enrollment, unpack(ARGV, 6)) end
if again_ms > 0 then
  redis.call('ZADD', changed_key, 'NX', now_ms, id)
  pump(again_ms)
else
  redis.call('HSET', enrollment, 'shown', revision)
  if redis.call('HGET', enrollment, 'rev') ~= revision then
    redis.call('ZADD', changed_key, 'NX', now_ms, id)
    pump(now_ms + GATHER_MS)
  end
end
return 1
