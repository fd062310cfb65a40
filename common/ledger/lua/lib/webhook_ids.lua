-- Webhook ids that were answered. Advent forgets them by its own clocks, not by an expiry in the store: if the store's
-- clock jumped, an expiry would forget them all.
--   w:<digest of kind:id>  STRING  the answer that the id was given, or the event it was given to
--   webhooks:<day>         LIST    the digests that were first answered on that day; day: since 1970, UTC
--   webhook_days           SET     the days that have such a list

local webhook_ids = {}

local DAY_MS = 86400000

function webhook_ids.day(ms)
  return math.floor(ms / DAY_MS)
end

-- Store the answer for each key, and when it was given. Keys written by earlier versions keep their expiry.
function webhook_ids.remember_all(answers, answered_ms)
  local digests = {}
  for key, answer in pairs(answers) do
    local was_known = redis.call('SET', key, answer, 'KEEPTTL', 'GET')
    if not was_known then
      local day = webhook_ids.day(answered_ms[key])
      digests[day] = digests[day] or {}
      table.insert(digests[day], string.sub(key, #keys.w + 1))
    end
  end
  for day, those in pairs(digests) do
    if redis.call('RPUSH', keys.webhooks .. day, unpack(those)) == #those then redis.call('SADD', keys.webhook_days, day) end
  end
end

function webhook_ids.remember(key, answer, now_ms)
  webhook_ids.remember_all({[key] = answer}, {[key] = now_ms})
end

return webhook_ids
