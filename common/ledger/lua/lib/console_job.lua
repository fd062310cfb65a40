-- A job that the console gives to a worker.
--   console_job:<id>  HASH  kind, arguments (JSON), by, asked_ms; until it has ended: addresses (JSON: of the forgotten
--                           person), waits: why it is tried again; once it has ended: ended_ms, and result (JSON) or
--                           failure
-- uses: queue

local console_job = {}

-- Request a job. Return false if it exists already: the form was sent twice.
--   given  id, kind, arguments, by, now_ms; addresses, if any; life_ms: after which it expires
function console_job.request(key, given)
  if redis.call('EXISTS', key) == 1 then return false end
  redis.call('HSET', key, 'kind', given.kind, 'arguments', given.arguments, 'by', given.by, 'asked_ms', given.now_ms)
  if given.addresses then redis.call('HSET', key, 'addresses', given.addresses) end
  redis.call('PEXPIRE', key, given.life_ms)
  queue.schedule('console_job', given.id, given.now_ms)
  return true
end

function console_job.is_waiting(key)
  return redis.call('EXISTS', key) == 1 and redis.call('HEXISTS', key, 'ended_ms') == 0
end

return console_job
