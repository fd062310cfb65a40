-- Changes of a whole enrollment: it ends early, is held or released, or is restored.
-- uses: counts, held, mailbox, owners, people, projection, records, sequence, suppression, timeline

local enrollments = {}

-- exit(KEYS = [enrollment, suppressed], ARGV = [enrollment id, address hash or '', reason, now_ms])
-- → 1 ended by this | 0
-- A contact who leaves all mail is soon put on the provider's own list too: see suppressions.lua. Id and hash may come
-- from a link that an earlier version made.
--   unlisted  ZSET  contact → since when, ms
function enrollments.exit()
  local id, address_hash, reason, now_ms = mailbox.kept(ARGV[1]), mailbox.kept(ARGV[2]), ARGV[3], ARGV[4]
  if address_hash ~= '' and suppression.add(address_hash, reason, now_ms) and reason == 'unsubscribed' then
    redis.call('ZADD', keys.unlisted, now_ms, id)
  end
  return sequence.exit(id, reason, now_ms) and 1 or 0
end

-- hold(KEYS = [enrollment], ARGV = [enrollment id, reason, now_ms]) → 1 | 0 held for this already, or over
--   reason: one word
function enrollments.hold()
  return sequence.hold(ARGV[1], ARGV[2], ARGV[3]) and 1 or 0
end

-- release(KEYS = [enrollment], ARGV = [enrollment id, reason, now_ms]) → 1 | 0 not held for this
-- When the last reason is gone, what waits is scheduled again; the claim keeps overdue mails apart.
function enrollments.release()
  return sequence.release(ARGV[1], ARGV[2], ARGV[3]) and 1 or 0
end

local function is_met(enrollment, name)
  return (records.status(redis.call('HGET', enrollment.key, '/' .. name)) or 'planned') ~= 'planned'
end

-- Return whether it was claimed at least once and has not ended: it is left to the worker that sends it.
local function is_open(enrollment, name)
  return redis.call('HEXISTS', keys.delivery .. enrollment.id .. '/' .. name, 'claimed_ms') == 1
end

-- Restore one step that the ledger knows nothing of. Return whether that changed anything.
local function restore_step(enrollment, step, can_be_dead, now_ms)
  local id = enrollment.id .. '/' .. step.name
  if step.sent_ms then
    records.write(enrollment, step.name, 'accepted', step.sent_ms, 0, step.sent_ms, step.provider_id)
    sequence.note_sent(enrollment, step.sent_ms)
    return true
  end
  if step.unknown_since_ms then
    redis.call('HSET', keys.delivery .. id, 'outcome_unknown', 1, 'first_attempt_ms', step.unknown_since_ms)
  end
  if not step.dead or not can_be_dead then return false end
  records.write(enrollment, step.name, 'dead', now_ms, 0, nil, step.dead)
  redis.call('HSET', keys.delivery .. id, 'due_ms', step.due_ms)
  redis.call('ZADD', keys.dead, now_ms, id)
  return true
end

-- Plan the first step that has neither ended nor been claimed.
local function restore_next(enrollment, given, next_name, is_earlier, is_held, now_ms)
  local first
  for _, step in ipairs(given.steps) do
    if not first and not is_met(enrollment, step.name) and not is_open(enrollment, step.name) then first = step end
  end
  if first and next_name == first.name and not is_earlier then return end
  sequence.drop_next(enrollment)
  if first then
    sequence.plan_next(enrollment, first.name, first.due_ms, is_held)
  else
    sequence.complete(enrollment, now_ms)
  end
end

-- Return the enrollment id of a row of Notion: that of the mailbox, or else the id that the row shows, under which its
-- mails were sent.
local function restored_id(given)
  local id = mailbox.contact(given)
  if given.shown_id and redis.call('EXISTS', keys.enrollment .. id) == 0 then id = given.shown_id end
  if id ~= given.id then redis.call('HSET', keys.aliases, given.id, id) end
  if given.spelled_id and given.spelled_id ~= id then
    redis.call('HSET', keys.aliases, given.spelled_id, id, given.spelled_hash, given.address_hash)
  end
  return id
end

-- restore(KEYS = [suppressed], ARGV = [JSON])
--   JSON  what Notion and the provider's list know of one enrollment: id, spelled_id, separate: whose it is, see
--         mailbox.lua; shown_id: what the row says, if it is one of these; now_ms, address_hash, spelled_hash,
--         campaign, campaigns: that one and the first one, under whose contact calls are stored; mailbox: its index id
--         segment, anchor_ms, fields {assessment, pages, language}; exit_reason, if it ended early; contact, others:
--         see signups.lua; suppress: no further mail to this address; differs: Notion must be written again
--         steps: [{name, due_ms; sent_ms, provider_id; dead: why it was never sent although the sequence went on;
--                  unknown_since_ms: it may have been accepted, then or later}] in their order
-- → 'restored' | 'merged' | 'known' | 'forgotten': it was forgotten here, but its row still exists
-- The ledger's own facts win: to an enrollment that it has, only what it knows nothing of is added.
function enrollments.restore()
  local given = cjson.decode(ARGV[1])
  suppression.adopt(given.spelled_hash, given.address_hash)
  local made_id = given.id
  given.id = restored_id(given)
  local now_ms, enrollment = given.now_ms, owners.of(given.id)
  local key = enrollment.key
  local status, anchor_ms, next_name, hold = unpack(redis.call('HMGET', key, 'status', 'anchor_ms', 'next', 'hold'))
  local is_new, is_news = not status, false

  if is_new and suppression.is_forgotten(given.address_hash) then return 'forgotten' end
  if is_new and sequence.is_erased(given.id) then return 'known' end
  -- A contact who has asked to come back since is written to again, although their row says that they left.
  if given.suppress and redis.call('HEXISTS', keys.unsuppressed, given.address_hash) == 0 then
    suppression.add(given.address_hash, given.exit_reason, now_ms)
  end
  if is_new then
    redis.call('HSET', key, 'campaign', given.campaign, 'status', 'active', 'anchor_ms', given.anchor_ms,
      'segment', given.segment, 'address_hash', given.address_hash)
    for name, text in pairs(given.fields) do redis.call('HSET', key, name, text) end
    sequence.watch(given.id, now_ms)
    for _, campaign in ipairs(given.campaigns) do redis.call('SADD', keys.campaigns, campaign) end
    if given.id ~= made_id then mailbox.note_trace(given.mailbox, given.id) end
    if given.contact then redis.call('HSET', key, 'contact', mailbox.contact(given.contact)) end
    sequence.join(given.id, mailbox.contacts(given.others))
    counts.add('active', 1)
    timeline.add(given.id, now_ms, 'restored', 'from Notion')
    people.note_change(given.id)
  elseif status == 'accepted' or status == 'held' then
    redis.call('HSET', key, 'status', 'active')
    sequence.watch(given.id, now_ms)
    if not held.remove(given.id) then counts.add('accepted', -1) end
    counts.add('active', 1)
  elseif status ~= 'active' then
    return 'known'
  end

  local is_blank, unmet = true, {}
  for _, step in ipairs(given.steps) do
    if is_met(enrollment, step.name) or is_open(enrollment, step.name) then
      is_blank = false
    else
      unmet[#unmet + 1] = step
    end
  end
  for _, step in ipairs(unmet) do
    is_news = restore_step(enrollment, step, is_blank, now_ms) or is_news
  end
  local is_earlier = is_new or given.anchor_ms < tonumber(anchor_ms)
  if is_earlier and not is_new then
    redis.call('HSET', key, 'anchor_ms', given.anchor_ms)
    is_news = true
  end

  if not given.exit_reason then
    restore_next(enrollment, given, next_name, is_earlier, hold, now_ms)
  elseif is_new then
    redis.call('HSET', key, 'status', 'exited', 'exit_reason', given.exit_reason, 'ended_ms', now_ms)
    counts.add('active', -1)
    counts.add('exited', 1)
  else
    sequence.exit(given.id, given.exit_reason, now_ms)
    is_news = true
  end
  if is_new and given.differs or not is_new and is_news then projection.changed(given.id, now_ms) end
  return is_new and 'restored' or is_news and 'merged' or 'known'
end

return enrollments
