--   timeline:<contact>  LIST  `[ms, what, detail]` as JSON, newest last

local timeline = {}

local LINES_MAX = 200

function timeline.add(contact, now_ms, what, detail)
  local key = keys.timeline .. contact
  redis.call('RPUSH', key, cjson.encode({tonumber(now_ms), what, detail or ''}))
  redis.call('LTRIM', key, -LINES_MAX, -1)
end

return timeline
