-- Schedules again what the ledger expects and the queue lacks, such as a lost message or a job deleted by hand. What is
-- scheduled or being processed is left alone; if a job runs twice nevertheless, the claim decides.
-- uses: channel, delivery, owners, projection, queue, records, webhook_ids

local sweeper = {}

local GRACE_MS, BOOKING_GRACE_MS, AGAIN_MS = 10000, 45000, 60000
-- An enrollment is checked this long before it is due, so that a job that was lost before is not done late.
local AHEAD_MS, HELD_MS = 60000, 3600000

local function is_behind_schedule(due_ms, now_ms)
  return due_ms > now_ms or due_ms + GRACE_MS < now_ms
end

local FIELDS = {'status', 'next', 'hold', 'anchor_ms', 'assessed_ms', 'revision', 'mirrored', 'ended_ms'}

local function read_fields(id)
  local fields, values = {}, redis.call('HMGET', keys.enrollment .. id, unpack(FIELDS))
  for i, name in ipairs(FIELDS) do fields[name] = values[i] or nil end
  return fields
end

-- Check the job that classifies an enrollment. Return when it is due.
local function check_classification(id, fields, now_ms, reschedule)
  local due_ms = tonumber(fields.assessed_ms or fields.anchor_ms)
  if due_ms + GRACE_MS < now_ms and not queue.is_scheduled('classify', id, due_ms) then
    reschedule('classify', id, due_ms)
  end
  return due_ms
end

-- Check the job of the next step. Return when it is due. A step that had to wait is in `open`, at another time.
local function check_next(id, name, now_ms, reschedule)
  local job = id .. '/' .. name
  local due_ms = records.due_ms(redis.call('HGET', keys.enrollment .. id, '/' .. name))
  if is_behind_schedule(due_ms, now_ms) and not redis.call('ZSCORE', keys.open, job)
    and not queue.is_scheduled('send', job, due_ms) then
    reschedule('send', job, due_ms)
  end
  return due_ms
end

local function check_mirror(id, now_ms)
  if not redis.call('ZSCORE', keys.changed, id) and redis.call('HEXISTS', keys.syncing, id) == 0
    and not redis.call('ZSCORE', queue_keys.delayed('notion_sync'), id) then
    redis.call('ZADD', keys.changed, now_ms, id)
  end
end

-- Return the time of the next check, so that it is in the next sweep, or in the last minute before it is due if that is
-- later. An enrollment that has been due for a minute waits with many others: checking all in each sweep would take the
-- time that their mails need, so each is checked once a minute.
local function next_check_ms(due_ms, now_ms)
  if due_ms + AHEAD_MS < now_ms then return now_ms + 2 * AHEAD_MS end
  return math.max(now_ms + AHEAD_MS + 1, due_ms)
end

-- Return when to check the enrollment again; or nil, if never, and when it ended.
local function check_enrollment(id, now_ms, reschedule)
  local fields = read_fields(id)
  if fields.revision ~= fields.mirrored then
    check_mirror(id, now_ms)
  elseif fields.status == 'completed' or fields.status == 'exited' then
    return nil, fields.ended_ms
  end
  if fields.status == 'accepted' then
    return next_check_ms(check_classification(id, fields, now_ms, reschedule), now_ms)
  elseif fields.status == 'active' and fields.next and not fields.hold then
    return next_check_ms(check_next(id, fields.next, now_ms, reschedule), now_ms)
  elseif fields.status then
    return now_ms + HELD_MS
  end
end

-- While sending is held, perhaps because a clock is wrong, no check is deferred by that clock.
local function check_page(now_ms, batch, reschedule)
  if redis.call('EXISTS', keys.hold_all) == 1 then return false end
  local page = redis.call('ZRANGEBYSCORE', keys.under_way, '-inf', now_ms + AHEAD_MS, 'LIMIT', 0, batch)
  for _, id in ipairs(page) do
    local again_ms, ended_ms = check_enrollment(id, now_ms, reschedule)
    if again_ms then
      redis.call('ZADD', keys.under_way, again_ms, id)
    else
      redis.call('ZREM', keys.under_way, id)
      if ended_ms then redis.call('ZADD', keys.ended, ended_ms, id) end
    end
  end
  return #page == batch
end

local function check_open(now_ms, batch, reschedule)
  for _, job in ipairs(redis.call('ZRANGEBYSCORE', keys.open, '-inf', now_ms - GRACE_MS, 'LIMIT', 0, batch)) do
    local name = channel.queue_of(job)
    if not queue.is_scheduled(name, job, tonumber(redis.call('ZSCORE', keys.open, job))) then
      reschedule(name, job, now_ms)
      redis.call('ZADD', keys.open, now_ms + AGAIN_MS, job)
    end
  end
end

-- Many bookings may be waiting at the same time; an early second job would only make the wait longer.
local function check_bookings(now_ms, batch, reschedule)
  local overdue = redis.call('ZRANGEBYSCORE', keys.bookings, '-inf', now_ms - BOOKING_GRACE_MS, 'LIMIT', 0, batch)
  for _, id in ipairs(overdue) do
    if not redis.call('ZSCORE', queue_keys.delayed('bookings'), id) then reschedule('bookings', id, now_ms) end
  end
end

-- sweep(KEYS = [under_way, open], ARGV = [page, now_ms, batch]) → [next page or 0, rescheduled job, …]
--   under_way  ZSET  enrollment → when to check it, ms; a checked one is checked again later
--   ended      ZSET  see sequence.lua: an enrollment that needs no more checks moves there
--   open       ZSET  delivery → time at which something must happen to it, ms
--   page       0: the first page, with which deliveries and bookings are checked; batch: how many of each are checked
function sweeper.sweep()
  local page, now_ms, batch = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
  local rescheduled = {}
  local function reschedule(name, id, due_ms)
    queue.schedule(name, id, due_ms)
    rescheduled[#rescheduled + 1] = id
  end

  local is_more = check_page(now_ms, batch, reschedule)
  if page == 0 then
    check_open(now_ms, batch, reschedule)
    check_bookings(now_ms, batch, reschedule)
    if redis.call('ZCARD', keys.changed) + redis.call('HLEN', keys.syncing) > 0 then projection.request(now_ms) end
  end
  table.insert(rescheduled, 1, is_more and tostring(page + 1) or '0')
  return rescheduled
end

local JOB_MAX_MS, JOBS = 3600000, {'classify', 'notion_sync', 'reconcile_bookings'}

-- A delivery waits for its next attempt, or before its first claim for its due time, and then for at most gap_ms; a
-- later time was scheduled while a clock was wrong. Return when it is due instead; nil: its time is right.
local function check_deferral(job, at_ms, now_ms, gap_ms)
  local key, open, due_ms = keys.delivery .. job, {}
  open.not_before_ms, open.wait_ms = unpack(redis.call('HMGET', key, 'not_before_ms', 'wait_ms'))
  if open.not_before_ms then
    due_ms = delivery.not_before_ms(open, now_ms)
    if due_ms ~= tonumber(open.not_before_ms) then
      delivery.defer(key, due_ms, now_ms)
      return due_ms
    end
  else
    local owner, name = string.match(job, '^([^/]+)(/.*)$')
    due_ms = records.due_ms(redis.call('HGET', owners.of(owner).key, name))
  end
  due_ms = math.max(due_ms or math.huge, now_ms)
  if queue.is_too_far(at_ms, due_ms, gap_ms) then return queue.bounded('deferral', at_ms, due_ms, gap_ms) end
end

-- check_waits(KEYS = [open], ARGV = [cursor, now_ms, batch, gap_ms]) → [next cursor, rescheduled job, …]
-- Correct what was scheduled too late while a clock was wrong. gap_ms: the minimum gap between two mails.
function sweeper.check_waits()
  local cursor, now_ms, batch, gap_ms = ARGV[1], tonumber(ARGV[2]), ARGV[3], math.max(ARGV[4], JOB_MAX_MS)
  local page = redis.call('ZSCAN', KEYS[1], cursor, 'COUNT', batch)
  local answer = {page[1]}
  for i = 1, #page[2], 2 do
    local job, at_ms = page[2][i], tonumber(page[2][i + 1])
    local due_ms = at_ms > now_ms and check_deferral(job, at_ms, now_ms, gap_ms)
    if due_ms then
      delivery.schedule(job, due_ms)
      answer[#answer + 1] = job
    end
  end
  for _, name in ipairs(cursor == '0' and JOBS or {}) do
    local late_ms = string.format('%.0f', now_ms + JOB_MAX_MS)
    for _, job in ipairs(redis.call('ZRANGEBYSCORE', queue_keys.delayed(name), late_ms, '+inf', 'LIMIT', 0, batch)) do
      queue.bounded('job', redis.call('ZSCORE', queue_keys.delayed(name), job), now_ms, 0)
      redis.call('ZADD', queue_keys.delayed(name), now_ms, job)
      answer[#answer + 1] = job
    end
  end
  return answer
end

-- forget_webhooks(KEYS = [webhook_days], ARGV = [now_ms, batch]) → ids forgotten
-- While sending is held, perhaps because a clock is wrong, nothing is forgotten.
function sweeper.forget_webhooks()
  if redis.call('EXISTS', keys.hold_all) == 1 then return 0 end
  local forgotten = 0
  local first_day = webhook_ids.day(ARGV[1] - limits.remember_webhook_ms)
  for _, day in ipairs(redis.call('SMEMBERS', KEYS[1])) do
    if tonumber(day) < first_day then
      local digests = redis.call('LPOP', keys.webhooks .. day, ARGV[2]) or {}
      for i, digest in ipairs(digests) do digests[i] = keys.w .. digest end
      if #digests > 0 then redis.call('UNLINK', unpack(digests)) end
      if redis.call('EXISTS', keys.webhooks .. day) == 0 then redis.call('SREM', KEYS[1], day) end
      forgotten = forgotten + #digests
    end
  end
  return forgotten
end

return sweeper
