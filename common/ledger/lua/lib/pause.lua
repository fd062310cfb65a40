--   pauses    HASH  `*` for all contacts, `campaign:<key>`, or contact → who paused, when and why, JSON
--   hold:all  HASH  reason → why nothing is sent to any contact, JSON; `reason/<worker>`: why that worker sends nothing
-- uses: channel, queue

local pause = {}

-- A held delivery is tried again after this time, sooner than a paused one: while all sending is held its queue is
-- paused, and what one worker may not send another one may.
pause.HELD_MS = 1000

function pause.is_paused(whose)
  return redis.call('HEXISTS', keys.pauses, whose) == 1
end

function pause.covers(contact, campaign)
  local found = redis.call('HMGET', keys.pauses, '*', contact, 'campaign:' .. (campaign or ''))
  return (found[1] or found[2] or found[3]) and true or false
end

-- Return why this worker may send nothing now; nil: it may.
function pause.hold_reason(worker)
  for _, name in ipairs(redis.call('HKEYS', keys.hold_all)) do
    local reason, whose = string.match(name, '^([^/]*)/?(.*)$')
    if whose == '' or whose == worker then return reason end
  end
end

-- Promote no deliveries while all contacts are paused or all sending is held.
function pause.update_queue()
  local is_stopped = pause.is_paused('*')
  for _, name in ipairs(redis.call('HKEYS', keys.hold_all)) do
    is_stopped = is_stopped or not string.find(name, '/', 1, true)
  end
  for _, name in ipairs(channel.QUEUES) do
    if is_stopped then queue.pause(name) else queue.resume(name) end
  end
end

return pause
