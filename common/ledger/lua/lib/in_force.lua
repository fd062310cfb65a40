-- The version of a campaign that is in force. Workers plan and render by it; a claim by another version is refused.
--   in_force  HASH  campaign → version; `<campaign> replanning` → JSON while its schedules follow, see versions.lua

local in_force = {}

-- Return the version, nil where none is stored; and whether some schedules of the campaign do not follow it yet.
function in_force.of(campaign)
  local version, replanning = unpack(redis.call('HMGET', keys.in_force, campaign, campaign .. ' replanning'))
  return version or nil, replanning and true or false
end

return in_force
