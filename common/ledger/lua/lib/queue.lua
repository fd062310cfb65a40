-- The schedule of jobs, as the broker keeps it.
--   <queue>.DQ       ZSET  job id → due time, ms
--   <queue>.DQ.msgs  HASH  job id → message, JSON, of a job that is not like ours
--   <queue>.msgs     HASH  `job id@due_ms` → message, of a job that is ready or in hand

local queue = {}

local function ready_id(id, due_ms)
  return id .. '@' .. string.format('%.0f', due_ms)
end

function queue.delayed(name)
  return keys.queue .. name .. '.DQ'
end

-- Schedule a job, or move it; answers its due time. Our jobs need no message: the actor bears the queue's name and takes
-- the job's id, and promote.lua writes the message when the job is due. A million messages would be a quarter of the store.
-- A job that is in hand and asks for the very due time that it has (the clocks of two workers differ) gets one
-- millisecond more, because the queue takes two messages of one id and due time for one.
function queue.schedule(name, id, due_ms)
  due_ms = tonumber(due_ms)
  while redis.call('HEXISTS', keys.queue .. name .. '.msgs', ready_id(id, due_ms)) == 1 do
    due_ms = due_ms + 1
  end
  redis.call('ZADD', queue.delayed(name), due_ms, id)
  return due_ms
end

-- Is this job waiting, ready or in hand?
function queue.is_scheduled(name, id, due_ms)
  return redis.call('ZSCORE', queue.delayed(name), id)
    or redis.call('HEXISTS', keys.queue .. name .. '.msgs', ready_id(id, due_ms)) == 1
end

function queue.unschedule(name, id)
  redis.call('HDEL', queue.delayed(name) .. '.msgs', id)
  redis.call('ZREM', queue.delayed(name), id)
end

-- Has this worker sent a heartbeat lately? Measured by the store's clock, whatever the caller's clock says.
function queue.is_alive(worker)
  local beat_ms = redis.call('ZSCORE', keys.heartbeats, worker)
  if not beat_ms then return false end
  local time = redis.call('TIME')
  return tonumber(beat_ms) + limits.heartbeat_timeout_ms > time[1] * 1000 + math.floor(time[2] / 1000)
end

return queue
