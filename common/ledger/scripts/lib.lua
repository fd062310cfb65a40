-- What all scripts share. Keys of queues are derived from the queue's name; all carry the hash tag of KEYS[1].
--   queue:<q>.DQ        ZSET  job id → instant it is due, ms
--   queue:<q>.DQ.msgs   HASH  job id → dramatiq message, JSON, of a job that is not like ours

local P = '{advent}:'

-- What every enrollment has, by a letter or two: a million people wait in the store. `codec.py` says what each is.
local CAMPAIGN, EMAIL, ASSESSED, SEGMENT, STATUS, ANCHOR = 'c', 'e', 't', 'sg', 'st', 'a'
local NEXT, DUE, LAST, REV, SHOWN = 'n', 'd', 'l', 'r', 'v'

local HEARTBEATS = P .. 'queue:__heartbeats__'

local function delayed(queue)
  return P .. 'queue:' .. queue .. '.DQ'
end

-- Schedule a job; scheduling it again moves it. All our jobs are alike: the actor bears its queue's name and is given
-- the job's id. So none has a body while it waits: promote.lua makes it when the job is due. A million of them would
-- take a quarter of the store.
-- Answers the instant. A job that is in hand looks again at the very instant it had when its worker's clock is behind that
-- of the worker who made it ready: the queue takes messages of one id and instant for one, so a millisecond is added.
local function schedule(queue, id, due_ms)
  due_ms = tonumber(due_ms)
  while redis.call('HEXISTS', P .. 'queue:' .. queue .. '.msgs', id .. '@' .. string.format('%.0f', due_ms)) == 1 do
    due_ms = due_ms + 1
  end
  redis.call('ZADD', delayed(queue), due_ms, id)
  return due_ms
end

-- Is this job waiting, ready or being worked on? The ready queue knows it by id and due instant.
local function scheduled(queue, id, due_ms)
  return redis.call('ZSCORE', delayed(queue), id)
    or redis.call('HEXISTS', P .. 'queue:' .. queue .. '.msgs', id .. '@' .. string.format('%d', due_ms)) == 1
end

local function unschedule(queue, id)
  redis.call('HDEL', delayed(queue) .. '.msgs', id)
  return redis.call('ZREM', delayed(queue), id)
end

-- Does this worker live? Its silence is measured by one clock, the store's, whatever the caller's clock says.
local function alive(worker)
  local beat = redis.call('ZSCORE', HEARTBEATS, worker)
  if not beat then return false end
  local time = redis.call('TIME')
  return tonumber(beat) + limits.heartbeat_timeout_ms > time[1] * 1000 + math.floor(time[2] / 1000)
end

-- The person looks different from now on: Notion shall show it. One pump works off all changes, a moment later, so that
-- changes which come together are written together; while it waits (for a budget, for Notion) it is not moved.
local GATHER_MS = 300

local function pump(due_ms)
  redis.call('ZADD', delayed('notion_sync'), 'NX', due_ms, 'pump')
end

local function changed(enrollment_id, now_ms)
  redis.call('HINCRBY', P .. 'enrollment:' .. enrollment_id, REV, 1)
  redis.call('ZADD', P .. 'changed', now_ms, enrollment_id)
  pump(now_ms + GATHER_MS)
end

local function count(name, by)
  redis.call('HINCRBY', P .. 'counts', name, by)
end

local function tell(enrollment_id, now_ms, what, detail)
  local timeline = P .. 'timeline:' .. enrollment_id
  redis.call('RPUSH', timeline, cjson.encode({tonumber(now_ms), what, detail or ''}))
  redis.call('LTRIM', timeline, -200, -1)
end

-- The mail is kept, byte for byte, and an attempt begins: from here its outcome is unknown until it is settled. A mail kept
-- before wins. → ['go', the frozen mail, attempt]
local function begin_attempt(delivery, mail, now_ms)
  redis.call('HSETNX', delivery, 'frozen', mail)
  redis.call('HSETNX', delivery, 'first', now_ms)
  redis.call('HSET', delivery, 'unknown', 1)
  local attempt = redis.call('HINCRBY', delivery, 'attempts', 1)
  return {'go', redis.call('HGET', delivery, 'frozen'), attempt}
end

-- A try failed (`retry`: it counts), or nothing happened (`hold`): again at due_ms. whose: the timeline that tells it, what: as
-- it is called there. A hold that left a doubt reached for the provider, but spends nothing; it is told once, however long
-- it lasts. A repetition, since the first answer was lost with the store, counts no second try.
local function try_again(job, whose, what, outcome, detail, due_ms, doubt, now_ms)
  local delivery = P .. 'delivery:' .. job
  local known = redis.call('HMGET', delivery, 'worker', 'attempts', 'unknown', 'why')
  if known[1] == '' then return end
  redis.call('HSET', delivery, 'worker', '', 'retry', due_ms, 'why', detail, 'unknown', 0)
  redis.call('HDEL', delivery, 'lost')
  if outcome == 'hold' and doubt then redis.call('HSET', delivery, 'probed', 1) end
  if outcome == 'hold' and not doubt then
    if known[3] == '1' then redis.call('HINCRBY', delivery, 'attempts', -1) end
  elseif outcome == 'retry' or known[4] ~= detail then
    if outcome == 'retry' then redis.call('HINCRBY', delivery, 'failures', 1) end
    tell(whose, now_ms, 'attempt failed', what .. ', attempt ' .. (known[2] or 0) .. ': ' .. detail)
  end
  redis.call('ZADD', P .. 'open', due_ms, job)
  schedule('send', job, due_ms)
end

-- The fate that follows from all that the provider told of a mail, and its instant; see feedback.lua.
local TOLD = {{'complained', 'complained'}, {'bounced', 'bounced'}, {'suppressed', 'bounced'}, {'delivered', 'delivered'}}

local function told(owner, name)
  for _, pair in ipairs(TOLD) do
    local line = redis.call('HGET', P .. 'feedback:' .. owner, name .. ' ' .. pair[1])
    if line then return pair[2], string.match(line, '^%d+') end
  end
end

-- A fate as it is kept: `fate at_ms attempts sent detail`. sent: how much later than at_ms (`-1500`: earlier) the provider
-- accepted it, mostly `+0`; `0` for what it never accepted.
local function fate_line(fate, at_ms, attempts, sent_ms, detail)
  local sent = tonumber(sent_ms) == 0 and '0' or string.format('%+.0f', sent_ms - at_ms)
  return table.concat({fate, at_ms, attempts, sent, detail}, ' ')
end

-- A person who was forgotten: beside the mark of their address nothing may be kept.
local function is_forgotten(mark)
  return string.find(redis.call('HGET', P .. 'suppressed', mark) or '', ' forgotten$') ~= nil
end

-- What the provider told of a mail while a worker had it in hand: the instant at which it was accepted, and its id.
local function told_in_hand(delivery)
  return string.match(redis.call('HGET', delivery, 'told') or '', '^(%S+) (.*)$')
end

-- Would one more death of whoever has it in hand be its last?
local function is_last_death(delivery)
  return tonumber(redis.call('HGET', delivery, 'lost') or 0) + 1 >= limits.crashes_max
end

-- One fate and one reason for one step. sent_ms is 0 for what the provider never accepted.
local function record(enrollment_id, step, fate, now_ms, attempts, sent_ms, detail)
  if fate == 'accepted' then
    local told_fate, told_ms = told(enrollment_id, 'step-' .. step)
    if told_fate then fate, now_ms = told_fate, told_ms end
  end
  local field = 's' .. step
  local key = P .. 'enrollment:' .. enrollment_id
  local before = redis.call('HGET', key, field)
  if before then count('fate:' .. string.match(before, '^%S+'), -1) end
  redis.call('HSET', key, field, fate_line(fate, now_ms, attempts, sent_ms, detail))
  count('fate:' .. fate, 1)
end

-- The gap between two nurture mails counts from the latest one.
local function last_sent(enrollment_id, sent_ms)
  local key = P .. 'enrollment:' .. enrollment_id
  local last_ms = redis.call('HGET', key, LAST)
  if not last_ms or tonumber(last_ms) < tonumber(sent_ms) then redis.call('HSET', key, LAST, sent_ms) end
end

-- A dead letter: its frozen mail is kept, so that a replay can send the same bytes. Whoever had it in hand and only
-- stood still hands over and settles nothing any more: the fence counts on.
local function bury(enrollment_id, step, now_ms, attempts, reason)
  local job = enrollment_id .. '/step-' .. step
  record(enrollment_id, step, 'dead', now_ms, attempts, 0, reason)
  redis.call('HSET', P .. 'delivery:' .. job, 'worker', '', 'unknown', 0)
  redis.call('HINCRBY', P .. 'delivery:' .. job, 'fence', 1)
  redis.call('HDEL', P .. 'delivery:' .. job, 'lost', 'asked', 'refused')
  redis.call('ZADD', P .. 'dead', now_ms, job)
  redis.call('ZREM', P .. 'open', job)
  tell(enrollment_id, now_ms, 'dead letter', 'step ' .. step .. ': ' .. reason)
end

-- The enrollment ends when nothing waits and every step has met its fate.
local function complete(enrollment_id, steps, now_ms)
  local key = P .. 'enrollment:' .. enrollment_id
  if redis.call('HGET', key, STATUS) ~= 'active' or redis.call('HEXISTS', key, NEXT) == 1 then return end
  for step = 1, steps do
    if redis.call('HEXISTS', key, 's' .. step) == 0 then return end
  end
  redis.call('HSET', key, STATUS, 'completed', 'ended', now_ms)
  count('active', -1)
  count('completed', 1)
end

-- End an enrollment early: nothing of it waits any longer.
local function exit(enrollment_id, reason, now_ms)
  local key = P .. 'enrollment:' .. enrollment_id
  local status = redis.call('HGET', key, STATUS)
  if status == 'completed' and redis.call('HSETNX', key, 'reason', reason) == 1 then
    -- Nothing is left to be stopped, but whoever rebuilds must know that this person has left.
    tell(enrollment_id, now_ms, 'left', reason)
    changed(enrollment_id, now_ms)
  end
  if status ~= 'accepted' and status ~= 'active' then return false end
  local step = redis.call('HGET', key, NEXT)
  if step then unschedule('send', enrollment_id .. '/step-' .. step) end
  redis.call('HDEL', key, NEXT, DUE, 'sending', 'hold')
  redis.call('HSET', key, STATUS, 'exited', 'reason', reason, 'ended', now_ms)
  count(status, -1)
  count('exited', 1)
  tell(enrollment_id, now_ms, 'exited', reason)
  changed(enrollment_id, now_ms)
  return true
end

-- The queue whose jobs need a provider. While everybody waits for that provider, one of them a second is let through to
-- find out, from an instant on (`queue:__probing__`, read by promote.lua); the others keep their places in the schedule.
-- Whoever failed (`queue:__failed__.<q>`) comes after those who did not yet, so that a few cannot hold up the others.
local NEEDED_BY = {[P .. 'circuit:resend'] = 'send'}

local function let_through_from(circuit, until_ms, failed)
  local queue = NEEDED_BY[circuit]
  if not queue then return end
  redis.call('HSET', P .. 'queue:__probing__', queue, string.format('%.0f', until_ms))
  redis.call('SADD', P .. 'queue:__failed__.' .. queue, failed)
end

-- A request succeeded: nobody waits any longer. Since when everybody did, 0 when nobody did.
local function recovered(circuit)
  local known = redis.call('HMGET', circuit, 'until', 'since')
  redis.call('DEL', circuit)
  local queue = NEEDED_BY[circuit]
  if queue then
    redis.call('HDEL', P .. 'queue:__probing__', queue)
    redis.call('DEL', P .. 'queue:__failed__.' .. queue)
  end
  return known[1] and tonumber(known[2] or 0) or 0
end

-- A person of the team said that nobody (`*`) is written to for now, or not this person: `since by why` as JSON.
local PAUSED_MS = 60000

local function is_paused(whose)
  return redis.call('HEXISTS', P .. 'pauses', whose or '') == 1
end

-- Until when to wait for a circuit; now or earlier: go and find out. Whoever failed last comes back at `until` and finds
-- out for all; the others come a second later.
local function held_until(held, now_ms)
  local until_ms = tonumber(held[1]) + 1000
  if until_ms - 1000 > now_ms then return until_ms end
  return held[3] and tonumber(held[3]) + 15000 > now_ms and now_ms + 1000 or 0
end

-- The first earlier step of this person that waits and could go now, or within two seconds.
local function waiting_before(enrollment_id, step, now_ms)
  for earlier = 1, step - 1 do
    if redis.call('HEXISTS', P .. 'enrollment:' .. enrollment_id, 's' .. earlier) == 0 then
      local job = enrollment_id .. '/step-' .. earlier
      local waits = redis.call('HMGET', P .. 'delivery:' .. job, 'worker', 'retry')
      if waits[1] == '' and tonumber(waits[2] or 0) <= now_ms + 2000 then return job end
    end
  end
end

-- Whose turn it is to find out for all lets another one do it.
local function pass_turn(from, to, now_ms)
  redis.call('SADD', P .. 'queue:__failed__.send', from)
  redis.call('SREM', P .. 'queue:__failed__.send', to)
  redis.call('ZADD', P .. 'open', now_ms, to)
  schedule('send', to, now_ms)
end

-- Whoever was in hand when two workers died may be what killed them, or have stood near. Of all those one at a time is
-- tried, so that a third death tells which it is.
--   suspect  STRING  `delivery claimer` of the one that is being tried
local function may_be_tried(job, claimer)
  if tonumber(redis.call('HGET', P .. 'delivery:' .. job, 'lost') or 0) < 2 then return true end
  local other, holder = string.match(redis.call('GET', P .. 'suspect') or '', '^(%S+) (%S+)$')
  if other and other ~= job and redis.call('HGET', P .. 'delivery:' .. other, 'worker') == holder
    and alive(string.match(holder, '^[^#]*')) then return false end
  redis.call('SET', P .. 'suspect', job .. ' ' .. claimer)
  return true
end

-- Nothing more is sent of an enrollment while `hold` names a reason; each of several must be released.
local function hold(enrollment_id, why, now_ms)
  local key = P .. 'enrollment:' .. enrollment_id
  local known = redis.call('HMGET', key, STATUS, 'hold', NEXT)
  if known[1] ~= 'accepted' and known[1] ~= 'active' then return false end
  if string.find(' ' .. (known[2] or '') .. ' ', ' ' .. why .. ' ', 1, true) then return false end
  redis.call('HSET', key, 'hold', known[2] and known[2] .. ' ' .. why or why)
  if known[3] then unschedule('send', enrollment_id .. '/step-' .. known[3]) end
  tell(enrollment_id, now_ms, 'held', why)
  return true
end

-- The waiting step takes its place in the schedule again, at the instant it had, and so does what was being retried.
local function release(enrollment_id, why, now_ms)
  local key = P .. 'enrollment:' .. enrollment_id
  local known = redis.call('HMGET', key, 'hold', NEXT, DUE, 'wait')
  if not string.find(' ' .. (known[1] or '') .. ' ', ' ' .. why .. ' ', 1, true) then return false end
  local left = {}
  for word in string.gmatch(known[1], '%S+') do
    if word ~= why then left[#left + 1] = word end
  end
  tell(enrollment_id, now_ms, 'released', why)
  if #left > 0 then
    redis.call('HSET', key, 'hold', table.concat(left, ' '))
    return true
  end
  redis.call('HDEL', key, 'hold')
  if known[2] then schedule('send', enrollment_id .. '/step-' .. known[2], known[4] or known[3]) end
  for step = 1, tonumber(known[2] or 100) do
    local job = enrollment_id .. '/step-' .. step
    if redis.call('EXISTS', P .. 'delivery:' .. job) == 1 and redis.call('HEXISTS', key, 's' .. step) == 0
      and not redis.call('ZSCORE', P .. 'open', job) then
      schedule('send', job, now_ms)
      redis.call('ZADD', P .. 'open', now_ms, job)
    end
  end
  return true
end

-- A contact looks different: of somebody who is enrolled, the enrollment counts the changes.
local function changed_contact(id, now_ms)
  if redis.call('EXISTS', P .. 'enrollment:' .. id) == 1 then return changed(id, now_ms) end
  redis.call('HINCRBY', P .. 'contact:' .. id, REV, 1)
  redis.call('ZADD', P .. 'changed', now_ms, id)
  pump(now_ms + GATHER_MS)
end

-- Every booking and iCalUID connected with this one by the links that events drew.
local function series(id)
  local nodes, seen, at = {id}, {[id] = true}, 1
  while nodes[at] do
    for _, other in ipairs(redis.call('SMEMBERS', P .. 'links:' .. nodes[at])) do
      if not seen[other] then
        seen[other] = true
        nodes[#nodes + 1] = other
      end
    end
    at = at + 1
  end
  return nodes
end

-- One fate and one reason for one reminder; `planned` bears its due instant. name: `start_ms/24h`.
local function record_reminder(booking, name, fate, at_ms, attempts, sent_ms, detail)
  if fate == 'accepted' then
    local told_fate, told_ms = told(booking, name)
    if told_fate then fate, at_ms = told_fate, told_ms end
  end
  local key = P .. 'meeting:' .. booking
  local before = string.match(redis.call('HGET', key, 'r:' .. name) or '', '^%S+')
  if before and before ~= 'planned' then count('fate:' .. before, -1) end
  redis.call('HSET', key, 'r:' .. name, fate_line(fate, at_ms, attempts, sent_ms, detail))
  if fate ~= 'planned' then count('fate:' .. fate, 1) end
end

-- Why this reminder must not be sent, if so. mark: of the address it would go to.
local function against_reminder(booking, name, mark, now_ms)
  local suppressed = redis.call('HGET', P .. 'suppressed', mark)
  if suppressed then return string.match(suppressed, '^%S+') end
  local known = redis.call('HMGET', P .. 'meeting:' .. booking, 'stand', 'start')
  local start = string.match(name, '^%d+')
  if known[1] ~= 'booked' then return known[1] end
  if known[2] ~= start then return 'moved' end
  if tonumber(start) <= now_ms then return 'expired' end
end

-- A dead letter, as `bury` of a step.
local function bury_reminder(booking, name, now_ms, attempts, reason)
  local job = booking .. '/' .. name
  record_reminder(booking, name, 'dead', now_ms, attempts, 0, reason)
  redis.call('HSET', P .. 'delivery:' .. job, 'worker', '', 'unknown', 0)
  redis.call('HINCRBY', P .. 'delivery:' .. job, 'fence', 1)
  redis.call('HDEL', P .. 'delivery:' .. job, 'lost', 'asked', 'refused')
  redis.call('ZADD', P .. 'dead', now_ms, job)
  redis.call('ZREM', P .. 'open', job)
end

-- Skip a reminder for good, or until its booking changes. What an earlier attempt may have done is said.
local function skip_reminder(booking, name, now_ms, reason)
  local job = booking .. '/' .. name
  local delivery = P .. 'delivery:' .. job
  local open = redis.call('HMGET', delivery, 'attempts', 'doubt', 'unknown')
  if open[2] == '1' or open[3] == '1' then
    reason = reason .. ', while the outcome of an earlier attempt was unknown'
  end
  record_reminder(booking, name, 'skipped', now_ms, open[1] or 0, 0, reason)
  redis.call('DEL', delivery)
  redis.call('ZREM', P .. 'open', job)
  unschedule('send', job)
end

-- The provider told of a mail that the ledger does not know as accepted: it was. contact: whose timeline says so.
local function accept_as_told(owner, name, contact, mailed_ms, provider_id, steps, now_ms)
  local job, step = owner .. '/' .. name, string.match(name, '^step%-(%d+)$')
  local delivery = P .. 'delivery:' .. job
  local attempts = redis.call('HGET', delivery, 'attempts') or 0
  redis.call('DEL', delivery)
  redis.call('ZREM', P .. 'open', job)
  redis.call('ZREM', P .. 'dead', job)
  unschedule('send', job)
  local what = step and 'step ' .. step or 'reminder ' .. string.match(name, '[^/]+$')
  tell(contact, now_ms, 'found', what .. ': the provider tells of it')
  if not step then
    record_reminder(owner, name, 'accepted', mailed_ms, attempts, mailed_ms, provider_id)
    return
  end
  local enrollment = P .. 'enrollment:' .. owner
  if string.match(redis.call('HGET', enrollment, 'sending') or '', '^%d+') == step then
    redis.call('HDEL', enrollment, 'sending')
  end
  record(owner, step, 'accepted', mailed_ms, attempts, mailed_ms, provider_id)
  last_sent(owner, mailed_ms)
  complete(owner, tonumber(steps), now_ms)
  changed(owner, now_ms)
end
