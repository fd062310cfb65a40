--   pauses  HASH  `*` for everybody, `campaign:<key>`, or contact → who paused, when and why, JSON

local pause = {}

-- A paused delivery whose turn has come is looked at again so much later.
pause.WAIT_MS = 60000

function pause.is_paused(whose)
  return redis.call('HEXISTS', keys.pauses, whose) == 1
end

function pause.covers(contact, campaign)
  local found = redis.call('HMGET', keys.pauses, '*', contact, 'campaign:' .. (campaign or ''))
  return (found[1] or found[2] or found[3]) and true or false
end

return pause
