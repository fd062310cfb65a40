-- claim(KEYS = [enrollment, delivery, circuit],
--       ARGV = [enrollment id, step, now_ms, claimer, mark, lease_ms, gap_ms, steps, next due_ms or '',
--               campaign])
--   enrollment  HASH  one person in one campaign
--   claimer: `worker#number of this call`, so that a call whose answer was lost can be repeated
--   delivery    HASH  worker, claimed: the claimer who holds it, since when; fence: counts claims, so that a late settle is refused;
--                     due: when it should have gone; retry: not before; first: instant of the first attempt;
--                     attempts: tries that reached for the provider; failures: those that count; unknown: 1 while a
--                     try is under way; doubt: 1 once the outcome of one stayed unknown; why: of the last failure;
--                     replay: 1 when a person asked for it again; lost: claims in a row whose worker
--                     died or forgot them; gone: the last claimer of whom that is counted; frozen: the mail;
--                     told: what a webhook told of it while it was in hand, see told_in_hand
--   circuit     HASH  until, reason: everybody waits for the provider; probe: instant of the try that finds out
-- → ['go', fence, attempts, due_ms, first_ms, failures, doubt, frozen or '', enrollment fields and values …]
--   | ['already', fate]           it has met its fate; also when that is only found now, in what a webhook told
--   | ['exited', reason]          not any more; the reason is recorded
--   | ['in hand', worker]         another attempt is under way, by a worker that lives
--   | ['not yet', due_ms]         too early, too close to the last mail, or an earlier one goes first; scheduled again for then
--   | ['held', until_ms, reason]  the provider is in trouble; scheduled again for then
--   | ['held', 0, reason]     the enrollment is held; scheduled again by its release
--   | ['held', until_ms, 'paused']  the campaign is paused: it keeps its place in the schedule, which stands still
--   | ['held', until_ms, …]       it belongs to another campaign than this worker serves; scheduled again for then
--   | ['dead', reason]            the third worker died of it; recorded as a dead letter
--   | ['unknown']                 no such enrollment
-- The first claim schedules the next step: a step in trouble never holds back the next ones.

local enrollment, delivery, circuit = KEYS[1], KEYS[2], KEYS[3]
local id, step, now_ms, claimer, mark = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5]
local lease_ms, gap_ms, steps = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local next_due_ms, campaign = ARGV[9], ARGV[10]
local job = id .. '/step-' .. step

local open = redis.call('HMGET', delivery, 'worker', 'claimed', 'due', 'retry', 'doubt', 'unknown', 'replay',
  'first', 'gone')
local holder, claimed_ms = open[1], tonumber(open[2] or 0)
local first_claim = not open[3]

local function later(due_ms)
  due_ms = schedule('send', job, due_ms)
  if first_claim then
    redis.call('HSET', enrollment, 'wait', due_ms)
  else
    redis.call('HSET', delivery, 'retry', due_ms)
    redis.call('ZADD', P .. 'open', due_ms, job)
  end
end

local function close(reason)
  local attempts = redis.call('HGET', delivery, 'attempts') or '0'
  if open[5] == '1' or open[6] == '1' then reason = reason .. ', while the outcome of an earlier attempt was unknown' end
  record(id, step, 'skipped', ARGV[3], attempts, 0, reason)
  redis.call('DEL', delivery)
  redis.call('ZREM', P .. 'open', job)
  changed(id, now_ms)
end

local known = redis.call('HMGET', enrollment, STATUS, 'reason', 's' .. step, NEXT, DUE, LAST, 'sending',
  'hold', CAMPAIGN)
local status, reason, met, next_step, due, last_ms, sending, hold_reason, of_campaign = unpack(known)
if not status then return {'unknown'} end
if met then return {'already', string.match(met, '^%S+')} end

-- First of all: whoever has it in hand writes down what becomes of it, also for a person who has left meanwhile.
local again = holder == claimer
if not again and holder and holder ~= '' and claimed_ms + lease_ms > now_ms and alive(string.match(holder, '^[^#]*')) then
  return {'in hand', holder}
end

-- They may have left since, or this would be its worker's third death: it was accepted all the same, and meets that fate.
-- Otherwise the provider is asked once more, under the same key, and says so itself.
local suppressed = redis.call('HGET', P .. 'suppressed', mark)
local told_ms, told_id = told_in_hand(delivery)
if told_id and (suppressed or status == 'exited' or is_last_death(delivery)) then
  accept_as_told(id, 'step-' .. step, id, told_ms, told_id, steps, ARGV[3])
  return {'already', 'accepted'}
end

if suppressed then
  exit(id, string.match(suppressed, '^%S+'), ARGV[3])
  status, reason = 'exited', string.match(suppressed, '^%S+')
end
if status == 'exited' then
  -- A step that nobody ever claimed needs no record of its own: the enrollment says why it was skipped.
  if not first_claim then close(reason) end
  return {'exited', reason}
end

if first_claim and next_step ~= step then return {'unknown'} end
if of_campaign ~= campaign then
  later(now_ms + 600000)
  return {'held', now_ms + 600000, 'campaign ' .. of_campaign .. ' is not served here'}
end
local due_ms = tonumber(open[3] or due)
local not_before = tonumber(open[4] or due_ms)

-- Each death is counted once, however often the delivery has to wait before somebody goes on with it.
local lost = not again and holder and holder ~= '' and holder ~= open[9]
if lost then redis.call('HSET', delivery, 'gone', holder) end
if lost and redis.call('HINCRBY', delivery, 'lost', 1) >= limits.crashes_max then
  reason = 'killed its worker ' .. limits.crashes_max .. ' times'
  if open[5] == '1' or open[6] == '1' then
    redis.call('HSET', delivery, 'doubt', 1)
    reason = reason .. '; it may have been accepted all the same'
  end
  bury(id, step, ARGV[3], redis.call('HGET', delivery, 'attempts') or 0, reason)
  complete(id, steps, ARGV[3])
  changed(id, now_ms)
  return {'dead', reason}
end
if hold_reason and not again then
  if not first_claim then redis.call('ZREM', P .. 'open', job) end
  return {'held', 0, hold_reason}
end
if not again and is_paused('*') then
  local until_ms = math.max(not_before, now_ms + PAUSED_MS)
  later(until_ms)
  return {'held', until_ms, 'paused'}
end
if not again and not_before > now_ms then
  later(not_before)
  return {'not yet', not_before}
end

-- Of two that could go now the earlier goes first: after an outage nobody reads the second mail before the first. A turn to
-- find out for all is passed on to it. What waits for longer, for a reason of its own, holds back nobody.
local held = redis.call('HMGET', circuit, 'until', 'reason', 'probe')
local replay = open[7] == '1' or again
local before = not replay and waiting_before(id, tonumber(step), now_ms)
if before then
  if held[1] then pass_turn(job, before, now_ms) end
  later(now_ms + 1000)
  return {'not yet', now_ms + 1000}
end

if held[1] and not again then
  local until_ms = held_until(held, now_ms)
  if until_ms > now_ms then
    later(until_ms)
    return {'held', until_ms, held[2]}
  end
end

-- The gap between two nurture mails binds when one of them is overdue, which is the only way that they come so close:
-- a campaign's steps lie further apart. A mail under way counts as sent until it is known not to have been; it is
-- looked at again soon, so that a step in trouble does not hold back this one. A replay knows no gap.
-- Nor does what may be out already wait for so long that the provider forgets its key.
local ask_ms = (open[5] == '1' or open[6] == '1') and open[8] and tonumber(open[8]) + 22 * 3600000 or math.huge
if not replay and last_ms and math.min(tonumber(last_ms) + gap_ms, ask_ms) > now_ms then
  local until_ms = math.min(tonumber(last_ms) + gap_ms, ask_ms)
  later(until_ms)
  return {'not yet', until_ms}
end
if not replay and sending then
  local other, since = string.match(sending, '^(%d+) (%d+)$')
  if other ~= step and tonumber(since) + gap_ms > now_ms then
    local until_ms = math.min(tonumber(since) + gap_ms, now_ms + 1000)
    later(until_ms)
    return {'not yet', until_ms}
  end
end

if not again and not may_be_tried(job, claimer) then
  later(now_ms + 1000)
  return {'not yet', now_ms + 1000}
end
if held[1] then redis.call('HSET', circuit, 'probe', now_ms) end
-- An attempt that was under way when its worker died: nobody knows what became of it.
if open[6] == '1' then redis.call('HSET', delivery, 'doubt', 1, 'unknown', 0) end
local fence = redis.call('HINCRBY', delivery, 'fence', again and 0 or 1)
redis.call('HSET', delivery, 'worker', claimer, 'claimed', now_ms, 'due', due_ms)
redis.call('HSET', enrollment, 'sending', step .. ' ' .. ARGV[3])
redis.call('ZADD', P .. 'open', now_ms + lease_ms, job)
if first_claim then
  if tonumber(step) < steps then
    redis.call('HSET', enrollment, NEXT, step + 1, DUE, next_due_ms)
    schedule('send', id .. '/step-' .. (step + 1), next_due_ms)
  else
    redis.call('HDEL', enrollment, NEXT, DUE)
  end
  redis.call('HDEL', enrollment, 'wait')
end

local kept = redis.call('HMGET', delivery, 'attempts', 'first', 'failures', 'doubt', 'frozen')
local answer = {'go', fence, tonumber(kept[1] or 0), due_ms, tonumber(kept[2] or 0), tonumber(kept[3] or 0),
  tonumber(kept[4] or 0), kept[5] or ''}
local fields = redis.call('HGETALL', enrollment)
for i = 1, #fields do answer[#answer + 1] = fields[i] end
return answer
