-- shown(KEYS = [enrollment, changed, syncing, circuit],
--       ARGV = [enrollment id, worker, now_ms, again_ms or 0, alone 0|1, revision, field, value, …])
--   → since_ms everybody waited for Notion since then, and need not any longer | 1 | 0 no longer ours
--   enrollment  HASH  `v`: the revision that Notion shows; `p:*`: its pages
-- Notion shows this revision (again_ms 0); or it does not, and the person is changed still: to be taken again at again_ms,
-- by the pump, or by a job of their own when the trouble is theirs alone.

local enrollment, changed_key, syncing, circuit = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local id, worker, now_ms, again_ms = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local alone, revision = ARGV[5] == '1', ARGV[6]
local troubled_since = 0

if string.match(redis.call('HGET', syncing, id) or '', '^%S*') ~= worker then return 0 end
redis.call('HDEL', syncing, id)
if redis.call('EXISTS', enrollment) == 0 then return 0 end
if #ARGV > 6 then redis.call('HSET', enrollment, unpack(ARGV, 7)) end
if again_ms > 0 and alone then
  -- A change brought them here before the time of their next try: that is no further miss.
  if tonumber(redis.call('ZSCORE', delayed('notion_sync'), id) or 0) > now_ms then return 1 end
  -- Each time twice as long, ten minutes at most: what is wrong with one row is mended by a person.
  local missed = redis.call('HINCRBY', enrollment, 'missed', 1)
  local wait_ms = math.min((again_ms - now_ms) * 2 ^ (missed - 1), math.max(again_ms - now_ms, 600000))
  schedule('notion_sync', id, now_ms + wait_ms)
elseif again_ms > 0 then
  redis.call('ZADD', changed_key, 'NX', now_ms, id)
  pump(again_ms)
else
  redis.call('HSET', enrollment, SHOWN, revision)
  redis.call('HDEL', enrollment, 'missed')
  troubled_since = recovered(circuit)
  if redis.call('HGET', enrollment, REV) ~= revision then
    redis.call('ZADD', changed_key, 'NX', now_ms, id)
    pump(now_ms + GATHER_MS)
  end
end
return math.max(troubled_since, 1)
