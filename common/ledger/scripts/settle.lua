-- settle(KEYS = [enrollment, delivery, circuit],
--        ARGV = [enrollment id, step, fence, now_ms, steps, outcome, detail, due_ms or 0, doubt 0|1])
--   delivery  HASH  see claim
--   outcome   accepted  the provider has it; detail: its id
--             skipped   it shall not be sent; detail: why
--             dead      it spent its attempts, or never will succeed; detail: why. Its frozen mail is kept for a replay.
--             retry     a try failed and counts; again at due_ms
--             hold      nothing happened, and it does not count; again at due_ms
--   doubt     the provider may have accepted this try all the same
-- → 1 settled | 0 refused: another worker has claimed it since, and will settle it

local enrollment, delivery, circuit = KEYS[1], KEYS[2], KEYS[3]
local id, step, fence, now_ms, steps = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local outcome, detail, due_ms, doubt = ARGV[6], ARGV[7], tonumber(ARGV[8]), ARGV[9] == '1'
local job = id .. '/step-' .. step

if redis.call('HGET', delivery, 'fence') ~= fence then return 0 end
if redis.call('HGET', enrollment, 's' .. step) then return 0 end

local sending = redis.call('HGET', enrollment, 'sending')
if sending and string.match(sending, '^%d+') == step then redis.call('HDEL', enrollment, 'sending') end
local attempts = tonumber(redis.call('HGET', delivery, 'attempts') or 0)

if doubt then redis.call('HSET', delivery, 'doubt', 1) end

if outcome == 'retry' or outcome == 'hold' then
  redis.call('HSET', delivery, 'worker', '', 'retry', due_ms, 'why', detail)
  if outcome == 'hold' and not doubt then
    if redis.call('HGET', delivery, 'unknown') == '1' then redis.call('HINCRBY', delivery, 'attempts', -1) end
  else
    redis.call('HINCRBY', delivery, 'failures', 1)
    tell(id, now_ms, 'attempt failed', 'step ' .. step .. ', attempt ' .. attempts .. ': ' .. detail)
  end
  redis.call('HSET', delivery, 'unknown', 0)
  redis.call('ZADD', P .. 'open', due_ms, job)
  schedule('send', job, due_ms)
  return 1
end

if outcome == 'accepted' then
  record(id, step, 'accepted', now_ms, attempts, now_ms, detail)
  redis.call('HSET', enrollment, 'last', now_ms)
  redis.call('DEL', delivery, circuit)
elseif outcome == 'dead' then
  record(id, step, 'dead', now_ms, attempts, 0, detail)
  redis.call('HSET', delivery, 'worker', '', 'unknown', 0)
  redis.call('ZADD', P .. 'dead', now_ms, job)
  tell(id, now_ms, 'dead letter', 'step ' .. step .. ': ' .. detail)
else
  record(id, step, 'skipped', now_ms, attempts, 0, detail)
  redis.call('DEL', delivery)
end
redis.call('ZREM', P .. 'open', job)
unschedule('send', job)
complete(id, steps, now_ms)
changed(id, now_ms)
return 1
