-- restore(KEYS = [enrollment, suppressed, dead], ARGV = [enrollment id, now_ms, mark, steps, JSON])
--   → 'restored' | 'merged' | 'known' | 'forgotten': they were erased here, and their row was not
--   JSON  what Notion and the provider's list remember of one enrollment; all instants are texts, ms:
--         campaign, segment, anchor, fields {assessment and page}, due {step: instant}
--         sent   {step: [instant, provider id]}
--         dead   {step: reason}     never sent, although the sequence went on
--         doubt  {step: instant}    may have been accepted, at this instant or later
--         reason of an exit, if there was one; suppress: never write to this address again; differs: show it again
-- What the ledger knows it knows better: of somebody it has, only what it has no word of is added. A step that is being
-- sent just now is left to whoever sends it.

local enrollment, suppressed, dead = KEYS[1], KEYS[2], KEYS[3]
local id, now_ms, mark, steps = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local given = cjson.decode(ARGV[5])

local known = redis.call('HMGET', enrollment, STATUS, ANCHOR, NEXT, 'hold')
local status, anchor_ms, next_step, held = unpack(known)
local is_new, news = not status, 0

if is_new and is_forgotten(mark) then return 'forgotten' end
if given.suppress then redis.call('HSETNX', suppressed, mark, given.reason .. ' ' .. now_ms) end

if is_new then
  redis.call('HSET', enrollment, CAMPAIGN, given.campaign, STATUS, 'active', ANCHOR, given.anchor,
    SEGMENT, given.segment)
  for name, text in pairs(given.fields) do redis.call('HSET', enrollment, name, text) end
  redis.call('SADD', P .. 'enrolled', id)
  count('active', 1)
  tell(id, now_ms, 'restored', 'from Notion')
elseif status == 'accepted' then
  redis.call('HSET', enrollment, STATUS, 'active')
  count('accepted', -1)
  count('active', 1)
elseif status ~= 'active' then
  return 'known'
end

local function is_met(step)
  return redis.call('HEXISTS', enrollment, 's' .. step) == 1
end

local function is_open(step)
  return redis.call('HEXISTS', P .. 'delivery:' .. id .. '/step-' .. step, 'due') == 1
end

local is_blank = true
for step = 1, steps do
  if is_met(step) or is_open(step) then is_blank = false end
end

for step = 1, steps do
  local name, job = tostring(step), id .. '/step-' .. step
  if not is_met(step) and not is_open(step) then
    local sent, reason, since_ms = given.sent[name], given.dead[name], given.doubt[name]
    if sent then
      record(id, step, 'accepted', sent[1], 0, sent[1], sent[2])
      last_sent(id, sent[1])
      news = news + 1
    else
      if since_ms then redis.call('HSET', P .. 'delivery:' .. job, 'doubt', 1, 'first', since_ms) end
      if reason and is_blank then
        record(id, step, 'dead', now_ms, 0, 0, reason)
        redis.call('ZADD', dead, now_ms, job)
        news = news + 1
      end
    end
  end
end

local is_earlier = is_new or tonumber(given.anchor) < tonumber(anchor_ms)
if is_earlier and not is_new then
  redis.call('HSET', enrollment, ANCHOR, given.anchor)
  news = news + 1
end

if given.reason then
  if is_new then
    redis.call('HSET', enrollment, STATUS, 'exited', 'reason', given.reason, 'ended', now_ms)
    count('active', -1)
    count('exited', 1)
  else
    exit(id, given.reason, now_ms)
    news = news + 1
  end
else
  local step = 1
  while step <= steps and (is_met(step) or is_open(step)) do step = step + 1 end
  if step > steps or next_step ~= tostring(step) or is_earlier then
    if next_step then unschedule('send', id .. '/step-' .. next_step) end
    redis.call('HDEL', enrollment, NEXT, DUE, 'wait')
    if step <= steps then
      local due_ms = given.due[tostring(step)]
      redis.call('HSET', enrollment, NEXT, step, DUE, due_ms)
      if not held then schedule('send', id .. '/step-' .. step, tonumber(due_ms)) end
    else
      complete(id, steps, now_ms)
    end
  end
end

if (is_new and given.differs) or (not is_new and news > 0) then changed(id, now_ms) end
return is_new and 'restored' or news > 0 and 'merged' or 'known'
