-- amend(KEYS = [namespace], ARGV = [queue, worker, now_ms, ready_id, body]) → 1 kept | 0 not ours any more
--   ns:__acks__.<w>.<q>   SET   ready ids that worker w holds
--   ns:q.msgs             HASH  ready id → body, here replaced by one that says what went wrong

if redis.call("SISMEMBER", KEYS[1] .. ":__acks__." .. ARGV[2] .. "." .. ARGV[1], ARGV[4]) == 0 then
    return 0
end
redis.call("HSET", KEYS[1] .. ":" .. ARGV[1] .. ".msgs", ARGV[4], ARGV[5])
return 1
