-- sweep(KEYS = [enrolled, open], ARGV = [cursor, now_ms, batch]) → [next cursor, healed job, …]
--   enrolled  SET   all enrollment ids
--   open      ZSET  delivery → instant at which something should happen to it, ms
-- What the ledger expects and the queue does not hold (a job deleted by hand, a lost message) is scheduled again. What is
-- scheduled or under way is left alone; should a job run twice all the same, the claim decides.

local enrolled, open, cursor, now_ms, batch = KEYS[1], KEYS[2], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local GRACE_MS = 10000
local healed = {}

local function heal(queue, id, due_ms)
  schedule(queue, id, due_ms)
  healed[#healed + 1] = id
end

local page = redis.call('SSCAN', enrolled, cursor, 'COUNT', batch)
for _, id in ipairs(page[2]) do
  local known = redis.call('HMGET', P .. 'enrollment:' .. id, STATUS, NEXT, DUE, 'wait', 'assessed', REV, SHOWN,
    'hold', ANCHOR)
  if known[1] == 'accepted' then
    local due_ms = tonumber(known[5] or known[9])
    if due_ms + GRACE_MS < now_ms and not scheduled('classify', id, due_ms) then heal('classify', id, due_ms) end
  elseif known[1] == 'active' and known[2] and not known[8] then
    local job, due_ms = id .. '/step-' .. known[2], tonumber(known[4] or known[3])
    if (due_ms > now_ms or due_ms + GRACE_MS < now_ms) and not scheduled('send', job, due_ms) then
      heal('send', job, due_ms)
    end
  end
  if known[6] and known[6] ~= known[7] and not redis.call('ZSCORE', P .. 'changed', id)
    and redis.call('HEXISTS', P .. 'syncing', id) == 0 and not redis.call('ZSCORE', delayed('notion_sync'), id) then
    redis.call('ZADD', P .. 'changed', now_ms, id)
  end
end

if cursor == '0' then
  for _, job in ipairs(redis.call('ZRANGEBYSCORE', open, '-inf', now_ms - GRACE_MS, 'LIMIT', 0, batch)) do
    local due_ms = tonumber(redis.call('ZSCORE', open, job))
    if not scheduled('send', job, due_ms) then
      heal('send', job, now_ms)
      redis.call('ZADD', open, now_ms + 60000, job)
    end
  end
  -- Many bookings at once may wait their turn; an early second job would only make the wait longer.
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', P .. 'bookings', '-inf', now_ms - 45000, 'LIMIT', 0, batch)) do
    if not redis.call('ZSCORE', delayed('bookings'), id) then heal('bookings', id, now_ms) end
  end
  local waiting = redis.call('ZCARD', P .. 'changed') + redis.call('HLEN', P .. 'syncing')
  if waiting > 0 then pump(now_ms) end
end
table.insert(healed, 1, page[1])
return healed
