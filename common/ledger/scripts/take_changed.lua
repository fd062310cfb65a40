-- take_changed(KEYS = [changed, syncing], ARGV = [worker, now_ms]) → [id, [enrollment field, value, …], [contact field, value, …]] | []
--   id: of the enrollment, or of a contact who is not enrolled and then has no enrollment fields
--   changed  ZSET  enrollment → instant of the change that Notion does not show yet, ms
--   syncing  HASH  enrollment → `worker ms`: who is showing it just now, since when
-- The newest change first: when there are more than the budget allows, the team sees what happens now.

local changed_key, syncing, worker, now_ms = KEYS[1], KEYS[2], ARGV[1], tonumber(ARGV[2])
local FORGOTTEN_MS = 120000

local busy = redis.call('HGETALL', syncing)
for i = 1, #busy, 2 do
  local holder, since = string.match(busy[i + 1], '^(%S+) (%d+)$')
  if tonumber(since) + FORGOTTEN_MS < now_ms or not alive(holder) then
    redis.call('HDEL', syncing, busy[i])
    redis.call('ZADD', changed_key, 'NX', since, busy[i])
  end
end

-- One who is being shown just now waits for that to end: two writers at once would make two pages.
for _, id in ipairs(redis.call('ZREVRANGE', changed_key, 0, 50)) do
  if redis.call('HEXISTS', syncing, id) == 0 then
    redis.call('ZREM', changed_key, id)
    local fields = redis.call('HGETALL', P .. 'enrollment:' .. id)
    local contact = redis.call('HGETALL', P .. 'contact:' .. id)
    if #fields > 0 or #contact > 0 then
      redis.call('HSET', syncing, id, worker .. ' ' .. ARGV[2])
      return {id, fields, contact}
    end
  end
end
return {}
