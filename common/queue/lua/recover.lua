-- recover(KEYS = [namespace], ARGV = [queue, worker, now_ms, held ready_id, …]) → messages moved
--   ns:__acks__.<w>.<q>   SET   ready ids that the store thinks worker w holds
--   ns:q                  LIST  ready ids; those that w does not know of go to its front
--   ns:q.msgs             HASH  ready id → body
--
-- A fetch whose answer was lost leaves messages that nobody works on, and whose worker lives.

local queue = ARGV[1]
local acks = KEYS[1] .. ":__acks__." .. ARGV[2] .. "." .. queue
local ready = KEYS[1] .. ":" .. queue

local held = {}
for i = 4, #ARGV do
    held[ARGV[i]] = true
end

local moved = 0
for _, id in ipairs(redis.call("SMEMBERS", acks)) do
    if not held[id] then
        redis.call("SREM", acks, id)
        if redis.call("HEXISTS", ready .. ".msgs", id) == 1 then
            redis.call("LPUSH", ready, id)
            moved = moved + 1
        end
    end
end
return moved
