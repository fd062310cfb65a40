-- Webhook ids that were answered. They are forgotten by the time of our processes and not by an expiry: the store's clock
-- may jump, and would forget them all.
--   w:<digest of kind:id>  STRING  the answer that the id was given, or the event it was given to
--   webhooks:<day>         LIST    the digests that were answered first on that day; day: since 1970, UTC
--   webhook_days           SET     the days that have such a list

local webhook_ids = {}

local DAY_MS = 86400000

function webhook_ids.day(ms)
  return math.floor(ms / DAY_MS)
end

-- What came before this version keeps the expiry that it has.
function webhook_ids.remember(key, answer, now_ms)
  local is_known = redis.call('EXISTS', key) == 1
  redis.call('SET', key, answer, 'KEEPTTL')
  if is_known then return end
  local day = webhook_ids.day(now_ms)
  if redis.call('RPUSH', keys.webhooks .. day, string.sub(key, #keys.w + 1)) == 1 then
    redis.call('SADD', keys.webhook_days, day)
  end
end

return webhook_ids
