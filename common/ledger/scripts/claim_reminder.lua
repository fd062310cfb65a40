-- claim_reminder(KEYS = [meeting, delivery, circuit],
--                ARGV = [booking id, name, now_ms, claimer, mark, lease_ms, campaign])
--   meeting   HASH  `r:<name>`: fate of each reminder, `planned due_ms 0 0 ` before it has one; see write_bookings
--   name: `start_ms/24h`. delivery, circuit, claimer: see claim
-- → ['go', fence, attempts, due_ms, first_ms, failures, doubt, frozen or '', meeting fields and values …]
--   | ['already', fate] | ['exited', reason] | ['in hand', worker] | ['not yet', due_ms] | ['held', until_ms, reason]
--   | ['dead', reason] | ['unknown']
-- As for a step, but for the gap, which reminders do not know; and what waits is looked at when the meeting begins.

local meeting, delivery, circuit = KEYS[1], KEYS[2], KEYS[3]
local id, name, now_ms, claimer, mark = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5]
local lease_ms, campaign = tonumber(ARGV[6]), ARGV[7]
local job = id .. '/' .. name

local known = redis.call('HGET', meeting, 'r:' .. name)
if not known then return {'unknown'} end
local fate, due_ms = string.match(known, '^(%S+) (%S+)')
if fate ~= 'planned' then return {'already', fate} end

local function later(until_ms)
  until_ms = math.min(until_ms, tonumber(string.match(name, '^%d+')))
  until_ms = schedule('send', job, until_ms)
  redis.call('ZADD', P .. 'open', until_ms, job)
  return until_ms
end

local open = redis.call('HMGET', delivery, 'worker', 'claimed', 'retry', 'unknown', 'doubt', 'attempts', 'gone')
local holder, again = open[1], open[1] == claimer
if not again and holder and holder ~= '' and tonumber(open[2]) + lease_ms > now_ms
  and alive(string.match(holder, '^[^#]*')) then
  return {'in hand', holder}
end

local reason = against_reminder(id, name, mark, now_ms)
local told_ms, told_id = told_in_hand(delivery)
if told_id and (reason or is_last_death(delivery)) then
  accept_as_told(id, name, redis.call('HGET', meeting, 'contact'), told_ms, told_id, 0, ARGV[3])
  return {'already', 'accepted'}
end

if reason then
  skip_reminder(id, name, now_ms, reason)
  return {'exited', reason}
end

local of_campaign = redis.call('HGET', meeting, 'campaign')
if of_campaign ~= campaign then
  return {'held', later(now_ms + 600000), 'campaign ' .. (of_campaign or '?') .. ' is not served here'}
end

local lost = not again and holder and holder ~= '' and holder ~= open[7]
if lost then redis.call('HSET', delivery, 'gone', holder) end
if lost and redis.call('HINCRBY', delivery, 'lost', 1) >= limits.crashes_max then
  reason = 'killed its worker ' .. limits.crashes_max .. ' times'
  if open[4] == '1' or open[5] == '1' then
    redis.call('HSET', delivery, 'doubt', 1)
    reason = reason .. '; it may have been accepted all the same'
  end
  bury_reminder(id, name, now_ms, open[6] or 0, reason)
  return {'dead', reason}
end

local not_before = tonumber(open[3] or due_ms)
if not again and (is_paused('*') or is_paused(redis.call('HGET', meeting, 'contact'))) then
  return {'held', later(math.max(not_before, now_ms + PAUSED_MS)), 'paused'}
end
if not again and not_before > now_ms then return {'not yet', later(not_before)} end

local held = redis.call('HMGET', circuit, 'until', 'reason', 'probe')
if held[1] and not again then
  local until_ms = held_until(held, now_ms)
  if until_ms > now_ms then return {'held', later(until_ms), held[2]} end
end
if not again and not may_be_tried(job, claimer) then return {'not yet', later(now_ms + 1000)} end
if held[1] then redis.call('HSET', circuit, 'probe', now_ms) end

-- An attempt that was under way when its worker died: nobody knows what became of it.
if open[4] == '1' then redis.call('HSET', delivery, 'doubt', 1, 'unknown', 0) end
local fence = redis.call('HINCRBY', delivery, 'fence', again and 0 or 1)
redis.call('HSET', delivery, 'worker', claimer, 'claimed', now_ms, 'due', due_ms)
redis.call('ZADD', P .. 'open', now_ms + lease_ms, job)

local kept = redis.call('HMGET', delivery, 'attempts', 'first', 'failures', 'doubt', 'frozen')
local answer = {'go', fence, tonumber(kept[1] or 0), tonumber(due_ms), tonumber(kept[2] or 0), tonumber(kept[3] or 0),
  tonumber(kept[4] or 0), kept[5] or ''}
local fields = redis.call('HGETALL', meeting)
for i = 1, #fields do answer[#answer + 1] = fields[i] end
return answer
