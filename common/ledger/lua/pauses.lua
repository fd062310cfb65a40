-- A person of the team stops all mail, or the mail of one contact, until they end the pause.
--   KEYS    pauses: HASH, see lib/pause.lua; enrollment: HASH, if it is one contact's
--   whose   `*` for everybody, `campaign:<key>`, or a contact
-- The mail of a campaign that is paused is refused by its claim, and looked at again each minute.
-- Of everybody the schedule stops; of one contact the next step is taken out of it, by a hold. What is in hand already is
-- stopped by its freeze, or has left.
-- uses: pause, sequence

local pauses = {}

-- start(KEYS, ARGV = [whose, who paused, when and why as JSON, now_ms]) → [1 paused by this | 0 it was, the pause that holds]
function pauses.start()
  local whose, said, now_ms = unpack(ARGV)
  local before = redis.call('HGET', KEYS[1], whose)
  if before then return {0, before} end
  redis.call('HSET', KEYS[1], whose, said)
  if whose == '*' then
    pause.update_queue()
  else
    sequence.hold(whose, 'paused', now_ms)
  end
  return {1, said}
end

-- finish(KEYS, ARGV = [whose, now_ms]) → the pause that ends | '' there was none
-- What is overdue is due now; how close two mails to one contact may come, and whether a reminder has expired, is the
-- claim's matter.
function pauses.finish()
  local whose, now_ms = unpack(ARGV)
  local before = redis.call('HGET', KEYS[1], whose)
  if not before then return '' end
  redis.call('HDEL', KEYS[1], whose)
  if whose == '*' then
    pause.update_queue()
  else
    sequence.release(whose, 'paused', now_ms)
  end
  return before
end

return pauses
