--   counts  HASH  status → enrollments; `delivery:<status>` → deliveries

local counts = {}

function counts.add(name, by)
  redis.call('HINCRBY', keys.counts, name, by)
end

return counts
