-- Contacts that differ from what Notion shows, and those that are being written there.
--   changed  ZSET  contact → time of the change that Notion does not show yet, ms
--   syncing  HASH  contact → `worker ms`: which worker is writing it, since when
-- uses: circuit, projection, queue, sequence

local mirror = {}

local ABANDONED_MS, LONGEST_WAIT_MS = 120000, 600000

-- request(KEYS = [changed], ARGV = [due_ms, now_ms, contact or '']) → 1
-- Schedule the pump at due_ms, and put one contact among the changed ones again.
function mirror.request()
  if ARGV[3] ~= '' then redis.call('ZADD', KEYS[1], 'NX', ARGV[2], ARGV[3]) end
  projection.request(tonumber(ARGV[1]))
  return 1
end

-- take(KEYS = [changed, syncing], ARGV = [worker, now_ms])
-- → [contact, [enrollment field, value, …], [contact field, value, …]] | []; no enrollment fields: not enrolled
-- The newest change is first: when there are more changes than the budget allows, the team sees what happens now.
function mirror.take()
  local worker, now_ms = ARGV[1], tonumber(ARGV[2])
  local busy = redis.call('HGETALL', KEYS[2])
  for i = 1, #busy, 2 do
    local holder, since_ms = string.match(busy[i + 1], '^(%S+) (%d+)$')
    if math.abs(now_ms - since_ms) > ABANDONED_MS or not queue.is_alive(holder) then
      redis.call('HDEL', KEYS[2], busy[i])
      redis.call('ZADD', KEYS[1], 'NX', since_ms, busy[i])
    end
  end
  -- A contact that is being written waits until that ends: two writers at the same time would create two pages.
  for _, id in ipairs(redis.call('ZREVRANGE', KEYS[1], 0, 50)) do
    if redis.call('HEXISTS', KEYS[2], id) == 0 then
      redis.call('ZREM', KEYS[1], id)
      local enrollment = redis.call('HGETALL', keys.enrollment .. id)
      local contact = redis.call('HGETALL', keys.contact .. (redis.call('HGET', keys.enrollment .. id, 'contact') or id))
      if #enrollment > 0 or #contact > 0 then
        redis.call('HSET', KEYS[2], id, worker .. ' ' .. ARGV[2])
        return {id, enrollment, contact}
      end
    end
  end
  return {}
end

-- Retry one contact by a job of its own. Each wait is twice as long, ten minutes at most: a person has to correct what
-- is wrong with one row. A failure before the time of the next try, caused by another change, does not count as a miss.
local function retry_alone(key, id, now_ms, again_ms)
  if tonumber(redis.call('ZSCORE', queue_keys.delayed('notion_sync'), id) or 0) > now_ms then return end
  local misses = redis.call('HINCRBY', key, 'mirror_misses', 1)
  local wait_ms = again_ms - now_ms
  local due_ms = now_ms + math.min(wait_ms * 2 ^ (misses - 1), math.max(wait_ms, LONGEST_WAIT_MS))
  queue.schedule('notion_sync', id, due_ms)
  if string.find(key, keys.enrollment, 1, true) then sequence.watch(id, due_ms) end
end

-- finish(KEYS = [enrollment or contact, changed, syncing, circuit], ARGV = [JSON])
--   JSON  contact, worker, now_ms, revision: the one that was written; fields: [field, value, …] of the pages
--         again_ms: it could not be written, and is tried again then; alone: by a job of its own, because the trouble
--         concerns this contact only
-- → since_ms: this closed Notion's circuit, which was open since then | 1 | 0 no longer this worker's
function mirror.finish()
  local given, key = cjson.decode(ARGV[1]), KEYS[1]
  local id, now_ms, again_ms = given.contact, given.now_ms, given.again_ms

  if string.match(redis.call('HGET', KEYS[3], id) or '', '^%S*') ~= given.worker then return 0 end
  redis.call('HDEL', KEYS[3], id)
  if redis.call('EXISTS', key) == 0 then return 0 end
  if #given.fields > 0 then redis.call('HSET', key, unpack(given.fields)) end
  if again_ms and given.alone then
    retry_alone(key, id, now_ms, again_ms)
  elseif again_ms then
    redis.call('ZADD', KEYS[2], 'NX', now_ms, id)
    projection.request(again_ms)
  else
    redis.call('HSET', key, 'mirrored', given.revision)
    redis.call('HDEL', key, 'mirror_misses')
    if tonumber(redis.call('HGET', key, 'revision')) ~= given.revision then
      redis.call('ZADD', KEYS[2], 'NX', now_ms, id)
      projection.request_soon(now_ms)
    end
    return math.max(circuit.close(KEYS[4]), 1)
  end
  return 1
end

return mirror
