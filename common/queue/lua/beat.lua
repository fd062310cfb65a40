-- beat(KEYS = [namespace], ARGV = ["", worker, now_ms]) → [instant of this beat, of the one before or nil], ms
--   ns:__heartbeats__   ZSET  worker → instant of its last sign of life, ms of the store's own clock
--
-- Everywhere else time is an argument. A silence, however, is a difference of two instants that two processes noted,
-- and only one clock can measure that: the store's.

local heartbeats = KEYS[1] .. ":__heartbeats__"
local time = redis.call("TIME")
local now_ms = string.format("%.0f", time[1] * 1000 + math.floor(time[2] / 1000))

local before = redis.call("ZSCORE", heartbeats, ARGV[2])
redis.call("ZADD", heartbeats, now_ms, ARGV[2])
return { now_ms, before }
