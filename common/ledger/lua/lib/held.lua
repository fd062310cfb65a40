-- Signups beyond a bound (an hourly limit) wait for a decision: they are stored, and nothing of them is scheduled.
--   held               ZSET    enrollment → time of its signup, ms; it counts as enrolled only after its release
--   enrollment:<enr>   HASH    status: held; held_by: `hour` or `source`
--   passed             LIST    times of the newest signups that were let through, newest first, ms; expires after a day
--   passed:<visitor>   LIST    likewise, of one visitor of the website
--   visitor_of:<enr>   STRING  the visitor who sent a held signup; expires after a day
-- uses: counts, people, queue, timeline

local held = {}

local HOUR_MS, DAY_MS = 3600000, 86400000

local function is_full(key, per_hour, now_ms)
  local oldest_ms = redis.call('LINDEX', key, per_hour - 1)
  -- A signup in the future was recorded while a clock was wrong.
  return oldest_ms and tonumber(oldest_ms) > now_ms - HOUR_MS and not queue.is_too_far(oldest_ms, now_ms, HOUR_MS)
end

local function let_through(key, per_hour, now_ms)
  redis.call('LPUSH', key, now_ms)
  redis.call('LTRIM', key, 0, per_hour - 1)
  redis.call('PEXPIRE', key, DAY_MS)
end

-- Return the bound that one more signup is beyond; nil: none, and it counts. A held one counts towards none.
--   given  received_ms; per_hour, per_source: the bounds, nil: none; visitor: nil: unknown
function held.beyond(given)
  local now_ms, per_hour, source = given.received_ms, given.per_hour, nil
  if given.visitor and given.per_source then source = keys.passed .. ':' .. given.visitor end
  if source and is_full(source, given.per_source, now_ms) then return 'source' end
  if per_hour and is_full(keys.passed, per_hour, now_ms) then return 'hour' end
  if source then let_through(source, given.per_source, now_ms) end
  if per_hour then let_through(keys.passed, per_hour, now_ms) end
end

function held.add(id, bound, received_ms, visitor)
  redis.call('HSET', keys.enrollment .. id, 'status', 'held', 'held_by', bound)
  redis.call('ZADD', keys.held, received_ms, id)
  counts.add('held:' .. bound, 1)
  if visitor then redis.call('SET', keys.visitor_of .. id, visitor, 'PX', DAY_MS) end
  timeline.add(id, received_ms, 'signup held', bound)
  people.note_change(id)
end

-- End the hold of a signup; the caller decides what becomes of it. Return false when it was not held.
function held.remove(id)
  -- Read first: a full store refuses a script only before its first write, and it accepts every ZREM.
  if not redis.call('ZSCORE', keys.held, id) then return false end
  redis.call('ZREM', keys.held, id)
  counts.add('held:' .. redis.call('HGET', keys.enrollment .. id, 'held_by'), -1)
  redis.call('HDEL', keys.enrollment .. id, 'held_by')
  redis.call('DEL', keys.visitor_of .. id)
  people.note_change(id)
  return true
end

return held
