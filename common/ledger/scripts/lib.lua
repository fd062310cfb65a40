-- What all scripts share. Keys of queues are derived from the queue's name; all carry the hash tag of KEYS[1].
--   queue:<q>.DQ        ZSET  job id → instant it is due, ms
--   queue:<q>.DQ.msgs   HASH  job id → dramatiq message, JSON

local P = '{advent}:'
local HEARTBEATS = P .. 'queue:__heartbeats__'
-- A worker renews its heartbeat each second; one that was silent for longer than this has died or stands still.
local SILENT_MS = 4000

local function delayed(queue)
  return P .. 'queue:' .. queue .. '.DQ'
end

-- Schedule a job; scheduling it again moves it. All our jobs are alike: the actor bears its queue's name and is given
-- the job's id. The body is dramatiq's own message (2.2), with the `eta` that its dashboard shows.
local BODY = '{"queue_name":"%s","actor_name":"%s","args":["%s"],"kwargs":{},"options":{"eta":%d},' ..
  '"message_id":"%s","message_timestamp":%d}'

local function keep_body(queue, id, due_ms)
  redis.call('HSET', delayed(queue) .. '.msgs', id, string.format(BODY, queue, queue, id, due_ms, id, due_ms))
end

local function schedule(queue, id, due_ms)
  keep_body(queue, id, due_ms)
  redis.call('ZADD', delayed(queue), due_ms, id)
end

-- Is this job waiting, ready or being worked on? The ready queue knows it by id and due instant.
local function scheduled(queue, id, due_ms)
  return redis.call('ZSCORE', delayed(queue), id)
    or redis.call('HEXISTS', P .. 'queue:' .. queue .. '.msgs', id .. '@' .. string.format('%d', due_ms)) == 1
end

local function unschedule(queue, id)
  redis.call('HDEL', delayed(queue) .. '.msgs', id)
  return redis.call('ZREM', delayed(queue), id)
end

-- Does this worker live? Its silence is measured by one clock, the store's, whatever the caller's clock says.
local function alive(worker)
  local beat = redis.call('ZSCORE', HEARTBEATS, worker)
  if not beat then return false end
  local time = redis.call('TIME')
  return tonumber(beat) + SILENT_MS > time[1] * 1000 + math.floor(time[2] / 1000)
end

-- The person looks different from now on: Notion shall show it. One pump works off all changes, a moment later, so that
-- changes which come together are written together; while it waits (for a budget, for Notion) it is not moved.
local GATHER_MS = 300

local function pump(due_ms)
  if redis.call('ZADD', delayed('notion_sync'), 'NX', due_ms, 'pump') == 1 then
    keep_body('notion_sync', 'pump', due_ms)
  end
end

local function changed(enrollment_id, now_ms)
  redis.call('HINCRBY', P .. 'enrollment:' .. enrollment_id, 'rev', 1)
  redis.call('ZADD', P .. 'changed', now_ms, enrollment_id)
  pump(now_ms + GATHER_MS)
end

local function count(name, by)
  redis.call('HINCRBY', P .. 'counts', name, by)
end

local function tell(enrollment_id, now_ms, what, detail)
  local timeline = P .. 'timeline:' .. enrollment_id
  redis.call('RPUSH', timeline, cjson.encode({tonumber(now_ms), what, detail or ''}))
  redis.call('LTRIM', timeline, -200, -1)
end

-- One fate and one reason for one step. sent_ms is 0 for what the provider never accepted.
local function record(enrollment_id, step, fate, now_ms, attempts, sent_ms, detail)
  local field = 's' .. step
  local key = P .. 'enrollment:' .. enrollment_id
  local before = redis.call('HGET', key, field)
  if before then count('fate:' .. string.match(before, '^%S+'), -1) end
  redis.call('HSET', key, field, table.concat({fate, now_ms, attempts, sent_ms, detail}, ' '))
  count('fate:' .. fate, 1)
end

-- The enrollment ends when nothing waits and every step has met its fate.
local function complete(enrollment_id, steps, now_ms)
  local key = P .. 'enrollment:' .. enrollment_id
  if redis.call('HGET', key, 'status') ~= 'active' or redis.call('HEXISTS', key, 'next') == 1 then return end
  for step = 1, steps do
    if redis.call('HEXISTS', key, 's' .. step) == 0 then return end
  end
  redis.call('HSET', key, 'status', 'completed', 'ended', now_ms)
  count('active', -1)
  count('completed', 1)
end

-- End an enrollment early: nothing of it waits any longer.
local function exit(enrollment_id, reason, now_ms)
  local key = P .. 'enrollment:' .. enrollment_id
  local status = redis.call('HGET', key, 'status')
  if status ~= 'accepted' and status ~= 'active' then return false end
  local step = redis.call('HGET', key, 'next')
  if step then unschedule('send', enrollment_id .. '/step-' .. step) end
  redis.call('HDEL', key, 'next', 'due', 'sending')
  redis.call('HSET', key, 'status', 'exited', 'reason', reason, 'ended', now_ms)
  count(status, -1)
  count('exited', 1)
  tell(enrollment_id, now_ms, 'exited', reason)
  changed(enrollment_id, now_ms)
  return true
end
