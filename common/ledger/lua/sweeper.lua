-- What the ledger expects and the queue does not hold (a job deleted by hand, a lost message) is scheduled again. What is
-- scheduled or in hand is left alone; should a job run twice all the same, the claim decides.
-- uses: projection, queue, records

local sweeper = {}

local GRACE_MS, BOOKING_GRACE_MS, AGAIN_MS = 10000, 45000, 60000

local function is_behind_schedule(due_ms, now_ms)
  return due_ms > now_ms or due_ms + GRACE_MS < now_ms
end

local FIELDS = {'status', 'next', 'hold', 'anchor_ms', 'assessed_ms', 'revision', 'mirrored'}

local function check_enrollment(id, now_ms, reschedule)
  local status, next_name, hold, anchor_ms, assessed_ms, revision, mirrored =
    unpack(redis.call('HMGET', keys.enrollment .. id, unpack(FIELDS)))
  if status == 'accepted' then
    local due_ms = tonumber(assessed_ms or anchor_ms)
    if due_ms + GRACE_MS < now_ms and not queue.is_scheduled('classify', id, due_ms) then
      reschedule('classify', id, due_ms)
    end
  elseif status == 'active' and next_name and not hold then
    -- A next step that had to wait is among the open ones, at another time.
    local job = id .. '/' .. next_name
    local due_ms = records.due_ms(redis.call('HGET', keys.enrollment .. id, '/' .. next_name))
    if is_behind_schedule(due_ms, now_ms) and not redis.call('ZSCORE', keys.open, job)
      and not queue.is_scheduled('send', job, due_ms) then
      reschedule('send', job, due_ms)
    end
  end
  if revision and revision ~= mirrored and not redis.call('ZSCORE', keys.changed, id)
    and redis.call('HEXISTS', keys.syncing, id) == 0 and not redis.call('ZSCORE', queue_keys.delayed('notion_sync'), id) then
    redis.call('ZADD', keys.changed, now_ms, id)
  end
end

local function check_open(now_ms, batch, reschedule)
  for _, job in ipairs(redis.call('ZRANGEBYSCORE', keys.open, '-inf', now_ms - GRACE_MS, 'LIMIT', 0, batch)) do
    if not queue.is_scheduled('send', job, tonumber(redis.call('ZSCORE', keys.open, job))) then
      reschedule('send', job, now_ms)
      redis.call('ZADD', keys.open, now_ms + AGAIN_MS, job)
    end
  end
end

-- Many bookings at once may wait their turn; an early second job would only make the wait longer.
local function check_bookings(now_ms, batch, reschedule)
  local overdue = redis.call('ZRANGEBYSCORE', keys.bookings, '-inf', now_ms - BOOKING_GRACE_MS, 'LIMIT', 0, batch)
  for _, id in ipairs(overdue) do
    if not redis.call('ZSCORE', queue_keys.delayed('bookings'), id) then reschedule('bookings', id, now_ms) end
  end
end

-- sweep(KEYS = [enrolled, open], ARGV = [cursor, now_ms, batch]) → [next cursor, rescheduled job, …]
--   enrolled  SET   all enrollment ids
--   open      ZSET  delivery → time at which something must happen to it, ms
--   batch     how many of each are looked at
function sweeper.sweep()
  local cursor, now_ms, batch = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
  local rescheduled = {}
  local function reschedule(name, id, due_ms)
    queue.schedule(name, id, due_ms)
    rescheduled[#rescheduled + 1] = id
  end

  local page = redis.call('SSCAN', KEYS[1], cursor, 'COUNT', batch)
  for _, id in ipairs(page[2]) do check_enrollment(id, now_ms, reschedule) end
  if cursor == '0' then
    check_open(now_ms, batch, reschedule)
    check_bookings(now_ms, batch, reschedule)
    if redis.call('ZCARD', keys.changed) + redis.call('HLEN', keys.syncing) > 0 then projection.request(now_ms) end
  end
  table.insert(rescheduled, 1, page[1])
  return rescheduled
end

return sweeper
