-- A person of the team stops all mail, or the mail of a campaign or a contact, until they end the pause.
--   KEYS    pauses: HASH, see lib/pause.lua; enrollment: HASH, if it is one contact's
--   whose   `*` for all contacts, `campaign:<key>`, or a contact
-- A mail of a paused campaign is refused by its claim, and tried again each minute. A pause of all contacts stops the
-- queues; a pause of one contact takes the next step out of the schedule, by a hold. A delivery that is being processed
-- is stopped by its freeze, or has been sent.
-- uses: pause, sequence

local pauses = {}

-- start(KEYS, ARGV = [whose, who paused, when and why as JSON, now_ms])
-- → [1 paused by this | 0 it was paused, the pause in force]
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
-- What is overdue is due now; the claim decides how close two mails to one contact may be, and whether a reminder has
-- expired.
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
