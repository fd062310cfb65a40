-- One enrollment and its steps: `next` names the only step that waits in the schedule unclaimed.
--   under_way  ZSET  enrollment that is not over, or that Notion does not show yet → when the sweeper checks it, ms
--   ended      ZSET  every other enrollment → time of its end or of its last call's, ms; `+inf` once it was erased
-- uses: counts, held, owners, projection, queue, records, suppression, timeline

local sequence = {}

-- Let the sweeper check the enrollment at this time or earlier.
function sequence.watch(id, at_ms)
  redis.call('ZREM', keys.ended, id)
  redis.call('ZADD', keys.under_way, 'LT', at_ms, id)
end

function sequence.is_erased(id)
  return redis.call('ZSCORE', keys.ended, id) == 'inf'
end

function sequence.plan_next(enrollment, name, due_ms, is_held)
  redis.call('ZADD', keys.under_way, due_ms, enrollment.id)
  redis.call('HSET', enrollment.key, 'next', name)
  records.plan(enrollment, name, due_ms)
  if not is_held then queue.schedule('send', enrollment.id .. '/' .. name, due_ms) end
end

-- The first claim of a step schedules the next one, so that a step in trouble never delays others.
function sequence.plan_following(owner, fields, name, following, since_ms)
  if fields.next ~= name then return end
  redis.call('HDEL', owner.key, 'next')
  for _, step in ipairs(following or {}) do
    local due_ms = tonumber(fields.anchor_ms) + step.after_ms
    if not fields['/' .. step.name] and due_ms >= (since_ms or 0) then
      sequence.plan_next(owner, step.name, due_ms, fields.hold)
      return
    end
  end
end

function sequence.drop_next(enrollment)
  local name = redis.call('HGET', enrollment.key, 'next')
  if not name then return end
  queue.unschedule('send', enrollment.id .. '/' .. name)
  redis.call('ZREM', keys.open, enrollment.id .. '/' .. name)
  redis.call('HDEL', enrollment.key, 'next')
  if records.due_ms(redis.call('HGET', enrollment.key, '/' .. name)) then
    redis.call('HDEL', enrollment.key, '/' .. name)
  end
end

-- Complete the enrollment when none of its deliveries is planned any more.
function sequence.complete(enrollment, now_ms)
  local fields = owners.fields(enrollment)
  if fields.status ~= 'active' then return end
  for name, line in pairs(fields) do
    if string.find(name, '^/') and records.due_ms(line) then return end
  end
  redis.call('HSET', enrollment.key, 'status', 'completed', 'ended_ms', now_ms)
  sequence.watch(enrollment.id, now_ms)
  counts.add('active', -1)
  counts.add('completed', 1)
end

-- Update an owner after the record of one of its deliveries changed. Only enrollments are sequences, and are shown in
-- Notion with their deliveries.
function sequence.advance(owner, now_ms)
  if not owner.is_enrollment then return end
  sequence.complete(owner, now_ms)
  projection.changed(owner.id, now_ms)
end

local function add_other(id, other)
  local key = keys.enrollment .. id
  local others = redis.call('HGET', key, 'others')
  if others and string.find(' ' .. others .. ' ', ' ' .. other .. ' ', 1, true) then return end
  redis.call('HSET', key, 'others', others and others .. ' ' .. other or other)
end

-- Each of a person's enrollments knows those in other campaigns, because a gap is kept between mails of two campaigns.
function sequence.join(id, others)
  for _, other in ipairs(others or {}) do
    if redis.call('EXISTS', keys.enrollment .. other) == 1 then
      add_other(id, other)
      add_other(other, id)
    end
  end
end

-- The minimum gap counts from the newest mail.
function sequence.note_sent(owner, sent_ms)
  local last_ms = redis.call('HGET', owner.key, 'last_sent_ms')
  if not last_ms or tonumber(last_ms) < sent_ms then redis.call('HSET', owner.key, 'last_sent_ms', sent_ms) end
end

-- Store why a contact whose enrollment has ended gets no more mail: a rebuild suppresses the address for the reason that
-- Notion shows.
local function note_reason(enrollment, reason, now_ms)
  if not suppression.outranks(reason, redis.call('HGET', enrollment.key, 'exit_reason')) then return end
  redis.call('HSET', enrollment.key, 'exit_reason', reason)
  timeline.add(enrollment.id, now_ms, 'left', reason)
  projection.changed(enrollment.id, now_ms)
end

-- End an enrollment early: nothing of it is scheduled any more. If it has ended before, only the reason may change.
-- Return whether this ended it.
function sequence.exit(id, reason, now_ms)
  local enrollment = owners.of(id)
  local status = redis.call('HGET', enrollment.key, 'status')
  if status == 'completed' or status == 'exited' then note_reason(enrollment, reason, now_ms) end
  if status ~= 'held' and status ~= 'accepted' and status ~= 'active' then return false end
  sequence.drop_next(enrollment)
  redis.call('HDEL', enrollment.key, 'sending', 'hold')
  redis.call('HSET', enrollment.key, 'status', 'exited', 'exit_reason', reason, 'ended_ms', now_ms)
  sequence.watch(id, now_ms)
  if not held.remove(id) then counts.add(status, -1) end
  counts.add('exited', 1)
  timeline.add(id, now_ms, 'exited', reason)
  projection.changed(id, now_ms)
  return true
end

local function has_word(words, word)
  return string.find(' ' .. (words or '') .. ' ', ' ' .. word .. ' ', 1, true) ~= nil
end

-- Hold an enrollment: nothing more of it is sent while `hold` names a reason. Each of several reasons must be released.
function sequence.hold(id, reason, now_ms)
  local enrollment = owners.of(id)
  local status, hold, next_name = unpack(redis.call('HMGET', enrollment.key, 'status', 'hold', 'next'))
  if status ~= 'held' and status ~= 'accepted' and status ~= 'active' or has_word(hold, reason) then return false end
  redis.call('HSET', enrollment.key, 'hold', hold and hold .. ' ' .. reason or reason)
  if next_name then queue.unschedule('send', id .. '/' .. next_name) end
  timeline.add(id, now_ms, 'held', reason)
  return true
end

-- Schedule again what waited: the next step at the time that it had, and at once each planned step whose claim was
-- refused because of the hold.
local function resume(enrollment, now_ms)
  local fields = owners.fields(enrollment)
  sequence.watch(enrollment.id, now_ms)
  for name, line in pairs(fields) do
    local due_ms, id = records.due_ms(line), enrollment.id .. name
    if name == '/' .. (fields.next or '') then
      queue.schedule('send', id, redis.call('ZSCORE', keys.open, id) or due_ms)
    elseif due_ms and not redis.call('ZSCORE', keys.open, id) then
      queue.schedule('send', id, now_ms)
      redis.call('ZADD', keys.open, now_ms, id)
    end
  end
end

function sequence.release(id, reason, now_ms)
  local enrollment = owners.of(id)
  local hold = redis.call('HGET', enrollment.key, 'hold')
  if not has_word(hold, reason) then return false end
  local left = {}
  for word in string.gmatch(hold, '%S+') do
    if word ~= reason then left[#left + 1] = word end
  end
  timeline.add(id, now_ms, 'released', reason)
  if #left > 0 then
    redis.call('HSET', enrollment.key, 'hold', table.concat(left, ' '))
  else
    redis.call('HDEL', enrollment.key, 'hold')
    resume(enrollment, now_ms)
  end
  return true
end

return sequence
