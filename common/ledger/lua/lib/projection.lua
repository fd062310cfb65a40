-- Contacts that differ from what Notion shows. One job, `pump`, writes all changes a moment later, so that changes that
-- come together are written together; while it waits for a budget or for Notion it is not moved.
--   changed  ZSET  contact → time of the change that Notion does not show yet, ms
-- uses: people, queue

local projection = {}

local GATHER_MS = 300

function projection.request(due_ms)
  queue.schedule_once('notion_sync', 'pump', due_ms)
end

-- The enrollment counts its changes; where there is none, the contact does.
function projection.changed(contact, now_ms)
  local is_enrolled = redis.call('EXISTS', keys.enrollment .. contact) == 1
  redis.call('HINCRBY', (is_enrolled and keys.enrollment or keys.contact) .. contact, 'revision', 1)
  redis.call('ZADD', keys.changed, now_ms, contact)
  people.note_change(contact)
  projection.request_soon(now_ms)
end

function projection.request_soon(now_ms)
  projection.request(now_ms + GATHER_MS)
end

return projection
