-- budget(KEYS = [slots, after], ARGV = ['take', now_ms, capacity, window_ms, wait_max_ms, hold_max_ms])
--   → {slot_ms, 0, ignored} reserved | {0, later_ms, ignored} too far ahead: try again then
--   ignored: how many stored times lay further ahead than they may
-- budget(KEYS = [slots, after], ARGV = ['push', until_ms, …]) → {0, 0, 0}
--   slots   LIST    times of the last `capacity` slots, newest first, ms             expires after the window
--   after   HASH    hold: no slot before this time, because the provider demanded it, ms
--                   queue: the time that was returned to the last deferred request, ms
--                   asked: how often the provider demanded a wait, for the console        expires after the times
--
-- A slot is never within `window_ms` of the one given `capacity` slots before it, so no window has more than
-- `capacity`. A request that would wait too long reserves nothing and gets a time of its own, one slot after the
-- request deferred before it, so that deferred requests return one by one and not all at once.

local verb, instant = ARGV[1], tonumber(ARGV[2])
local capacity, window = tonumber(ARGV[3]), tonumber(ARGV[4])
local wait_max, hold_max = tonumber(ARGV[5]), tonumber(ARGV[6])
local DEFER_MAX, SKEW = 300000, 5000

local function field(name)
  return tonumber(redis.call('HGET', KEYS[2], name) or '0')
end

local function keep(name, at, life)
  redis.call('HSET', KEYS[2], name, string.format('%d', at))
  redis.call('PEXPIRE', KEYS[2], string.format('%d', math.max(life, redis.call('PTTL', KEYS[2]))))
end

if verb == 'push' then
  keep('hold', math.max(instant, field('hold')), 86400000)
  redis.call('HINCRBY', KEYS[2], 'asked', 1)
  return {0, 0, 0}
end

-- Nothing is reserved or held further ahead than this, unless the clock was set back since: then it means nothing.
local hold, ignored = field('hold'), 0
if hold > instant + hold_max + SKEW then
  redis.call('DEL', KEYS[2])
  hold, ignored = 0, 1
end
local oldest = tonumber(redis.call('LINDEX', KEYS[1], capacity - 1) or '0')
if oldest > instant + wait_max + SKEW then
  redis.call('DEL', KEYS[1])
  oldest, ignored = 0, ignored + 1
end

local slot = math.max(instant, hold, oldest + window)
if slot - instant > wait_max then
  local later = math.min(field('queue') + math.ceil(window / capacity), instant + DEFER_MAX)
  later = math.max(later, slot)
  keep('queue', later, later - instant + window)
  return {0, later, ignored}
end

redis.call('LPUSH', KEYS[1], string.format('%d', slot))
redis.call('LTRIM', KEYS[1], 0, capacity - 1)
redis.call('PEXPIRE', KEYS[1], string.format('%d', slot - instant + 2 * window + 60000))
return {slot, 0, ignored}
