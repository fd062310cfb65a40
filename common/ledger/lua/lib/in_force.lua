-- Which version of a campaign is played. Workers plan and render by it; what another version planned is refused.
--   in_force  HASH  campaign → version; `<campaign> replanning` → JSON while its schedules follow, see versions.lua

local in_force = {}

-- The version, nil where none is kept; and whether the schedules of its people do not all follow it yet.
function in_force.of(campaign)
  local version, replanning = unpack(redis.call('HMGET', keys.in_force, campaign, campaign .. ' replanning'))
  return version or nil, replanning and true or false
end

return in_force
