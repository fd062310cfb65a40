-- feedback(KEYS = [webhook, feedback, suppressed],
--          ARGV = [delivery id, owner, name, contact id, kind, event_ms, detail, ends or '', mark or '', provider id,
--                  mailed_ms, received_ms, remember_ms, steps]) → [repeated 0|1, answer line]
--   webhook     STRING  the answer given: `kind delivery received_ms`
--   feedback    HASH    `name kind` → `first_ms count detail`: what was told of each mail of one person, or one booking
--   suppressed  HASH    mark of an address → `reason ms`
--   owner: `enr_…` or `bkg_…`; name: `step-3` or `start_ms/24h`; kind, ends: see domain/feedback.py
-- What was told is kept as a set, and the fate of a mail is read from all of it (`told` in lib.lua): whatever comes
-- twice or late ends alike. What is told before the acceptance is written down waits in the set until it is.

local webhook, feedback = KEYS[1], KEYS[2]
local job, owner, name, contact, kind, event_ms, detail = unpack(ARGV, 1, 7)
local ends, mark, provider_id, mailed_ms, now_ms, remember_ms, steps = unpack(ARGV, 8, 14)

local given = redis.call('GET', webhook)
if given then return {1, given} end
local answer = table.concat({kind, job, now_ms}, ' ')
redis.call('SET', webhook, answer, 'PX', remember_ms)

local step = string.match(name, '^step%-(%d+)$')
local holder_key = P .. (step and 'enrollment:' or 'meeting:') .. owner
local field = step and 's' .. step or 'r:' .. name
local delivery = P .. 'delivery:' .. job

-- The first of a kind says when and why; of two at the same instant the smaller text, so that order never matters.
local function keep()
  local key = name .. ' ' .. kind
  local first_ms, count, why = string.match(redis.call('HGET', feedback, key) or '', '^(%d+) (%d+) (.*)$')
  local line_ms, line_why = event_ms, detail
  if first_ms and (tonumber(first_ms) < tonumber(event_ms) or first_ms == event_ms and why <= detail) then
    line_ms, line_why = first_ms, why
  end
  redis.call('HSET', feedback, key, table.concat({line_ms, (count or 0) + 1, line_why}, ' '))
end

local function write(fate, at_ms, attempts, sent_ms, id)
  if step then
    record(owner, step, fate, at_ms, attempts, sent_ms, id)
  else
    record_reminder(owner, name, fate, at_ms, attempts, sent_ms, id)
  end
end

local function found()
  accept_as_told(owner, name, contact, mailed_ms, provider_id, steps, now_ms)
end

local function apply()
  local known = redis.call('HGET', holder_key, field)
  local fate, at_ms, attempts, sent, id = string.match(known or '', '^(%S+) (%S+) (%S+) (%S+) (.*)$')
  if sent and sent ~= '0' then
    local told_fate, told_ms = told(owner, name)
    if told_fate then write(told_fate, told_ms, attempts, at_ms + sent, id) end
  elseif kind == 'failed' then
    return
  elseif fate == 'dead' or fate == 'skipped' then
    found()
  else
    -- While a worker that lives has it in hand, the outcome of its try is its own to write down, knowing this.
    local holder = redis.call('HGET', delivery, 'worker')
    if holder and (holder == '' or not alive(string.match(holder, '^[^#]*'))) then
      found()
    elseif holder then
      redis.call('HSET', delivery, 'told', mailed_ms .. ' ' .. provider_id)
    end
  end
end

-- Who complained has complained, also when a bounce was heard of first; who unsubscribed did so before.
local function suppress()
  local why, since_ms = string.match(redis.call('HGET', KEYS[3], mark) or '', '^(%S+) (%S+)')
  if why and why ~= ends and not (why == 'bounced' and ends == 'complained') then return end
  if why == ends and tonumber(since_ms) <= tonumber(event_ms) then return end
  redis.call('HSET', KEYS[3], mark, ends .. ' ' .. event_ms)
end

local function leave()
  if exit(contact, ends, now_ms) or ends ~= 'complained' then return end
  local enrollment = P .. 'enrollment:' .. contact
  if redis.call('HGET', enrollment, 'reason') ~= 'bounced' then return end
  redis.call('HSET', enrollment, 'reason', 'complained')
  tell(contact, now_ms, 'exited', 'complained')
  changed(contact, now_ms)
end

-- Of a person who was forgotten nothing is kept again, but for the mark of the address.
if redis.call('EXISTS', holder_key) == 1 then
  if kind ~= 'sent' then keep() end
  apply()
end
if ends ~= '' then
  if mark ~= '' then suppress() end
  leave()
end
return {0, answer}
