-- requeue(KEYS = [namespace], ARGV = [queue, worker, now_ms, ready_id, …]) → messages moved
--   ns:__acks__.<w>.<q>      SET   ready ids that worker w holds
--   ns:__started__.<w>.<q>   SET   those of them that were begun
--   ns:q                     LIST  ready ids; these go to its front, in the order given
--   ns:q.msgs                HASH  ready id → body

local queue = ARGV[1]
local suffix = ARGV[2] .. "." .. queue
local ready = KEYS[1] .. ":" .. queue

local moved = 0
for i = #ARGV, 4, -1 do
    local id = ARGV[i]
    if redis.call("SREM", KEYS[1] .. ":__acks__." .. suffix, id) == 1 then
        redis.call("SREM", KEYS[1] .. ":__started__." .. suffix, id)
        if redis.call("HEXISTS", ready .. ".msgs", id) == 1 then
            redis.call("LPUSH", ready, id)
            moved = moved + 1
        end
    end
end
return moved
