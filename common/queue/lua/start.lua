-- start(KEYS = [namespace], ARGV = [queue, worker, now_ms, ready_id]) → 1 begin | 0 not ours any more
--   ns:__acks__.<w>.<q>      SET  ready ids that worker w holds
--   ns:__started__.<w>.<q>   SET  those of them whose actor was begun: only these can have killed their worker

local suffix = ARGV[2] .. "." .. ARGV[1]

if redis.call("SISMEMBER", KEYS[1] .. ":__acks__." .. suffix, ARGV[4]) == 0 then
    return 0
end
redis.call("SADD", KEYS[1] .. ":__started__." .. suffix, ARGV[4])
return 1
