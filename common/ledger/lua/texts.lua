-- Answers from phones to SMS.
--   numbers:<number hash>  SET  guest, see number.lua
-- uses: projection, suppression, timeline, webhook_ids

local texts = {}

-- Return the contacts whose calls the number was written to about, each once.
local function contacts_of(number_hash)
  local found, seen = {}, {}
  for _, guest in ipairs(redis.call('SMEMBERS', keys.numbers .. number_hash)) do
    local contact = redis.call('HGET', keys.guest .. guest, 'contact')
    if contact and not seen[contact] then
      seen[contact] = true
      found[#found + 1] = contact
    end
  end
  return found
end

local SAYS = {stop = 'sms ended', start = 'sms resumed', help = 'sms help', answer = 'sms answer'}

-- receive(KEYS = [webhook], ARGV = [JSON]) → 1 | 0 it was received before
--   JSON     number_hash; word: stop, start, help or answer; text: of the answer; now_ms
--   webhook  STRING  the word
-- A number that ends its SMS is suppressed like an address; a person's decision about the address stays. An answer of a
-- number that was never written to belongs to no contact, and nothing of it is stored.
function texts.receive()
  local given = cjson.decode(ARGV[1])
  if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
  webhook_ids.remember(KEYS[1], given.word, given.now_ms)
  if given.word == 'stop' then suppression.add(given.number_hash, 'unsubscribed', given.now_ms) end
  if given.word == 'start' and suppression.reason(given.number_hash) == 'unsubscribed' then
    redis.call('HDEL', keys.suppressed, given.number_hash)
  end
  for _, contact in ipairs(contacts_of(given.number_hash)) do
    timeline.add(contact, given.now_ms, SAYS[given.word], given.text)
    if given.word == 'answer' then redis.call('HSET', keys.contact .. contact, 'sms_answer', given.text) end
    projection.changed(contact, given.now_ms)
  end
  return 1
end

return texts
