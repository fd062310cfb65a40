-- What the console asks a worker to do, and what came of it.
--   console_job:<id>  HASH  kind, arguments (JSON), by, asked_ms; once it has ended: ended_ms, and result (JSON) or failure
-- uses: queue

local console_jobs = {}

-- request(KEYS = [console_job], ARGV = [JSON]) → 1 | 0 it was asked for already
--   JSON  id, kind, arguments, by, now_ms; life_ms: forgotten after that
-- Who sends a form twice asks once.
function console_jobs.request()
  local given = cjson.decode(ARGV[1])
  if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
  redis.call('HSET', KEYS[1], 'kind', given.kind, 'arguments', given.arguments, 'by', given.by, 'asked_ms', given.now_ms)
  redis.call('PEXPIRE', KEYS[1], given.life_ms)
  queue.schedule('console_job', given.id, given.now_ms)
  return 1
end

-- finish(KEYS = [console_job], ARGV = [JSON]) → 1 | 0 it was forgotten, or has ended
--   JSON  field: result or failure; value; now_ms; life_ms: forgotten after that
function console_jobs.finish()
  local given = cjson.decode(ARGV[1])
  if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('HEXISTS', KEYS[1], 'ended_ms') == 1 then return 0 end
  redis.call('HSET', KEYS[1], 'ended_ms', given.now_ms, given.field, given.value)
  redis.call('PEXPIRE', KEYS[1], given.life_ms)
  return 1
end

return console_jobs
