-- settle(KEYS = [enrollment, delivery, circuit],
--        ARGV = [enrollment id, step, fence, now_ms, steps, outcome, detail, due_ms or 0, doubt 0|1, sent_ms or 0])
--   delivery  HASH  see claim
--   outcome   accepted  the provider has it; detail: its id
--             skipped   it shall not be sent; detail: why
--             dead      it spent its attempts, or never will succeed; detail: why. Its frozen mail is kept for a replay.
--             retry     a try failed and counts; again at due_ms
--             hold      nothing happened, and it does not count; again at due_ms
--   doubt     the provider may have accepted this try all the same
--   sent_ms   it was accepted at this instant, as a list tells now; 0: just now, by an answer
-- → since_ms settled: everybody waited for the provider since then, and need not any longer | 1 settled, nobody did
--   | 0 refused: another worker has claimed it since, and will settle it
--   | -1 accepted, whatever became of this try: the provider told of the mail while the worker had it in hand

local enrollment, delivery, circuit = KEYS[1], KEYS[2], KEYS[3]
local id, step, fence, now_ms, steps = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local outcome, detail, due_ms, doubt = ARGV[6], ARGV[7], tonumber(ARGV[8]), ARGV[9] == '1'
local listed_ms = ARGV[10]
local job = id .. '/step-' .. step

if redis.call('HGET', delivery, 'fence') ~= fence then return 0 end

local sending = redis.call('HGET', enrollment, 'sending')
if sending and string.match(sending, '^%d+') == step then redis.call('HDEL', enrollment, 'sending') end
local attempts = tonumber(redis.call('HGET', delivery, 'attempts') or 0)

local told_ms, told_id = told_in_hand(delivery)
if told_id and outcome ~= 'accepted' then
  outcome, detail, listed_ms = 'accepted', told_id, told_ms
  tell(id, now_ms, 'found', 'step ' .. step .. ': the provider tells of it')
else
  told_id = nil
end

if doubt then redis.call('HSET', delivery, 'doubt', 1) end
local troubled_since = 0

if outcome == 'retry' or outcome == 'hold' then
  try_again(job, id, 'step ' .. step, outcome, detail, due_ms, doubt, now_ms)
  return 1
end

if outcome == 'accepted' then
  local sent_ms = listed_ms ~= '0' and listed_ms or now_ms
  record(id, step, 'accepted', now_ms, attempts, sent_ms, detail)
  last_sent(id, sent_ms)
  redis.call('DEL', delivery)
  -- What was found in a list does not say that the way is open.
  if listed_ms == '0' then troubled_since = recovered(circuit) end
elseif outcome == 'dead' then
  bury(id, step, now_ms, attempts, detail)
else
  if redis.call('HGET', delivery, 'doubt') == '1' then
    detail = detail .. ', while the outcome of an earlier attempt was unknown'
  end
  record(id, step, 'skipped', now_ms, attempts, 0, detail)
  redis.call('DEL', delivery)
end
redis.call('ZREM', P .. 'open', job)
unschedule('send', job)
complete(id, steps, now_ms)
changed(id, now_ms)
return told_id and -1 or math.max(troubled_since, 1)
