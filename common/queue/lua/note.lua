-- note(KEYS = [namespace], ARGV = [queue, worker, now_ms, ready_id, body]) → 1 kept | 0 it is no longer there
--   ns:q.XQ.msgs   HASH  ready id → body of a dead letter, here replaced by one that says why it is dead

local bodies = KEYS[1] .. ":" .. ARGV[1] .. ".XQ.msgs"

if redis.call("HEXISTS", bodies, ARGV[4]) == 0 then
    return 0
end
redis.call("HSET", bodies, ARGV[4], ARGV[5])
return 1
