-- Holds on all sending, or on one worker's. Advent itself starts a hold for a reason, and ends it with the reason; a
-- pause is a person's.
--   KEYS  hold:all: HASH, see lib/pause.lua
-- A delivery that is being processed is stopped by its freeze, or has been sent.
-- uses: pause

local holds = {}

-- start(KEYS, ARGV = [reason, detail as JSON]) → 1 held by this | 0 it was; the detail is the new one
function holds.start()
  local is_new = redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
  pause.update_queue()
  return is_new
end

-- finish(KEYS, ARGV = [reason]) → the detail | '' there was no such hold
function holds.finish()
  local detail = redis.call('HGET', KEYS[1], ARGV[1])
  if not detail then return '' end
  redis.call('HDEL', KEYS[1], ARGV[1])
  pause.update_queue()
  return detail
end

return holds
