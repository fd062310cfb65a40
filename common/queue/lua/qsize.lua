-- qsize(KEYS = [namespace], ARGV = [queue or its .DQ, worker, now_ms]) → a number that is 0 when nothing is left to do
--   Bodies and places, counted in one step: waiting (ns:q.DQ, ns:q.DQ.msgs), ready or in flight (ns:q.msgs), and in
--   flight here (ns:__acks__.<w>.<q>).

local name = string.gsub(ARGV[1], "%.DQ$", "")
local queue = KEYS[1] .. ":" .. name

return redis.call("ZCARD", queue .. ".DQ")
    + redis.call("HLEN", queue .. ".DQ.msgs")
    + redis.call("HLEN", queue .. ".msgs")
    + redis.call("SCARD", KEYS[1] .. ":__acks__." .. ARGV[2] .. "." .. name)
