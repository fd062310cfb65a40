-- Jobs that failed with an unexpected error, or killed their workers: a person decides.

local failed_jobs = {}

local function remove(queue_name, id)
  redis.call('ZREM', queue_keys.dead(queue_name), id)
  return redis.call('HDEL', queue_keys.dead_messages(queue_name), id) == 1
end

-- requeue(KEYS = [], ARGV = [queue, ready id]) → 1 it is the last of those that are ready | 0 it is no failed job
-- Its earlier crashes are forgotten: it may crash as often again.
function failed_jobs.requeue()
  local queue_name, id = unpack(ARGV)
  local message = redis.call('HGET', queue_keys.dead_messages(queue_name), id)
  if not remove(queue_name, id) then return 0 end
  redis.call('HDEL', queue_keys.crashes(queue_name), id)
  if redis.call('HSETNX', queue_keys.messages(queue_name), id, message) == 1 then
    redis.call('RPUSH', queue_keys.ready(queue_name), id)
  end
  return 1
end

-- delete(KEYS = [], ARGV = [queue, ready id]) → 1 | 0 it is no failed job
function failed_jobs.delete()
  return remove(ARGV[1], ARGV[2]) and 1 or 0
end

return failed_jobs
