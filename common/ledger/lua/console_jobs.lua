-- Jobs that the console gives to a worker, and their results.
--   console_job:<id>  HASH  see lib/console_job.lua
-- uses: queue, console_job

local console_jobs = {}

-- request(KEYS = [console_job], ARGV = [JSON]) → 1 | 0 it was asked for already
--   JSON  id, kind, arguments, by, now_ms; life_ms: after which it expires
function console_jobs.request()
  return console_job.request(KEYS[1], cjson.decode(ARGV[1])) and 1 or 0
end

-- defer(KEYS = [console_job], ARGV = [JSON]) → 1 | 0 it was forgotten, or has ended
--   JSON  id; due_ms: when it is tried again; why: in words; addresses: those still to be processed
function console_jobs.defer()
  local given = cjson.decode(ARGV[1])
  if not console_job.is_waiting(KEYS[1]) then return 0 end
  redis.call('HSET', KEYS[1], 'waits', given.why, 'addresses', given.addresses)
  queue.schedule('console_job', given.id, given.due_ms)
  return 1
end

-- finish(KEYS = [console_job], ARGV = [JSON]) → 1 | 0 it was forgotten, or has ended
--   JSON  field: result or failure; value; now_ms; life_ms: after which it expires
function console_jobs.finish()
  local given = cjson.decode(ARGV[1])
  if not console_job.is_waiting(KEYS[1]) then return 0 end
  redis.call('HDEL', KEYS[1], 'addresses', 'waits')
  redis.call('HSET', KEYS[1], 'ended_ms', given.now_ms, given.field, given.value)
  redis.call('PEXPIRE', KEYS[1], given.life_ms)
  return 1
end

return console_jobs
