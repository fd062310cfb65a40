-- settle_reminder(KEYS = [meeting, delivery, circuit],
--                 ARGV = [booking id, name, fence, now_ms, outcome, detail, due_ms or 0, doubt 0|1, sent_ms or 0])
--   → as settle, with the same words
-- What would be tried again after the start of the meeting is looked at when that begins, and expires.

local meeting, delivery, circuit = KEYS[1], KEYS[2], KEYS[3]
local id, name, fence, now_ms = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local outcome, detail, due_ms, doubt = ARGV[5], ARGV[6], tonumber(ARGV[7]), ARGV[8] == '1'
local listed_ms = ARGV[9]
local job, called = id .. '/' .. name, string.match(name, '[^/]+$')
local contact = redis.call('HGET', meeting, 'contact')

if redis.call('HGET', delivery, 'fence') ~= fence then return 0 end
local attempts = tonumber(redis.call('HGET', delivery, 'attempts') or 0)
local told_ms, told_id = told_in_hand(delivery)
if told_id and outcome ~= 'accepted' then
  outcome, detail, listed_ms = 'accepted', told_id, told_ms
  tell(contact, now_ms, 'found', 'reminder ' .. called .. ': the provider tells of it')
else
  told_id = nil
end

if doubt then redis.call('HSET', delivery, 'doubt', 1) end
local troubled_since = 0

if outcome == 'retry' or outcome == 'hold' then
  due_ms = math.min(due_ms, tonumber(string.match(name, '^%d+')))
  try_again(job, contact, 'reminder ' .. called, outcome, detail, due_ms, doubt, now_ms)
  return 1
end

if outcome == 'accepted' then
  record_reminder(id, name, 'accepted', now_ms, attempts, listed_ms ~= '0' and listed_ms or now_ms, detail)
  redis.call('DEL', delivery)
  -- A list that tells of it says nothing of the way that mails go.
  if listed_ms == '0' then troubled_since = recovered(circuit) end
elseif outcome == 'dead' then
  bury_reminder(id, name, now_ms, attempts, detail)
else
  -- `unknown` is of this very try, which never left.
  redis.call('HSET', delivery, 'unknown', 0)
  skip_reminder(id, name, now_ms, detail)
end
redis.call('ZREM', P .. 'open', job)
unschedule('send', job)
return told_id and -1 or math.max(troubled_since, 1)
