-- Versions of campaigns: one is in force, and the schedules of enrolled contacts follow it. While the schedules are
-- changed, no step of the campaign is claimed: otherwise a contact could get mails by the plans of two versions.
--   in_force                 HASH  see lib/in_force.lua
--   versions:<campaign>      HASH  version → the compiled campaign, JSON
--   version_log:<campaign>   LIST  {version, from, by, at_ms, action} as JSON, newest last
-- uses: counts, in_force, owners, projection, records, sequence, timeline

local versions = {}

-- apply(KEYS = [versions, version_log, unversioned], ARGV = [JSON, compiled campaign or '', log entry])
--   JSON      campaign, version; from: the version that it replaces, absent: none; replanning: JSON, the parameters for
--             changing the schedules; absent: no contact is enrolled; at_ms: now
--   compiled  '' for a version that is stored already
-- → ['applied'] | ['already'] in force | ['changed', version] another one than `from` is in force, or schedules are
--   still being changed to it | ['unknown'] that version is not stored
function versions.apply()
  local given = cjson.decode(ARGV[1])
  local campaign, version = given.campaign, given.version
  local current, is_replanning = in_force.of(campaign)
  if current == version then return {'already'} end
  if current ~= given.from or is_replanning then return {'changed', current or ''} end
  if ARGV[2] ~= '' then
    redis.call('HSET', KEYS[1], version, ARGV[2])
  elseif redis.call('HEXISTS', KEYS[1], version) == 0 then
    return {'unknown'}
  end
  redis.call('HSET', keys.in_force, campaign, version)
  if given.replanning then
    -- The process that applied it changes the schedules; others continue when that stalls.
    redis.call('HSET', keys.in_force, campaign .. ' replanning', given.replanning, campaign .. ' replanned_ms', given.at_ms)
  end
  redis.call('DEL', KEYS[3])
  redis.call('RPUSH', KEYS[2], ARGV[3])
  return {'applied'}
end

-- Return whether a step that was skipped can be planned again: one that an earlier version had removed and whose day is
-- still to come, or, if late steps are sent, one that was added after its day.
local function is_open_again(line, due_ms, given)
  if records.status(line) ~= 'skipped' then return false end
  local detail = records.detail(line)
  return detail == limits.removed and due_ms > given.now_ms or detail == limits.added_late and given.send_late
end

local function has_reopened(fields, given)
  for _, step in ipairs(given.steps) do
    local line = fields['/' .. step.name]
    if line and is_open_again(line, tonumber(fields.anchor_ms) + step.after_ms, given) then return true end
  end
  return false
end

-- Return the first step that is neither sent nor under way, and whether a record changed: new steps whose day has
-- passed are skipped.
local function first_open(enrollment, fields, given)
  local first, is_changed = nil, false
  for _, step in ipairs(given.steps) do
    local due_ms, line = tonumber(fields.anchor_ms) + step.after_ms, fields['/' .. step.name]
    if line and is_open_again(line, due_ms, given) then
      records.remove(enrollment, step.name)
      line, is_changed = nil, true
    end
    if not line and step.is_new and due_ms <= given.now_ms and not given.send_late then
      records.write(enrollment, step.name, 'skipped', given.now_ms, 0, nil, limits.added_late)
      is_changed = true
    elseif not first and (not line or step.name == fields.next) then
      first = {name = step.name, due_ms = due_ms}
    end
  end
  return first, is_changed
end

local function has_step(given, name)
  for _, step in ipairs(given.steps) do
    if step.name == name then return true end
  end
  return false
end

local function begin_again(enrollment, now_ms)
  redis.call('HSET', enrollment.key, 'status', 'active')
  redis.call('HDEL', enrollment.key, 'ended_ms')
  counts.add('completed', -1)
  counts.add('active', 1)
  timeline.add(enrollment.id, now_ms, 'goes on', 'the campaign has more steps again')
end

-- Plan the next step of one enrollment as this version says. Return whether that changed anything.
local function follow(enrollment, fields, given)
  local next_name = fields.next
  if fields.status == 'completed' then
    if not has_reopened(fields, given) then return false end
    begin_again(enrollment, given.now_ms)
  end
  local first, is_changed = first_open(enrollment, fields, given)
  local is_removed = next_name and not has_step(given, next_name)
  if is_removed then
    sequence.drop_next(enrollment)
    records.write(enrollment, next_name, 'skipped', given.now_ms, 0, nil, limits.removed)
  end
  if first and (first.name ~= next_name or first.due_ms ~= records.due_ms(fields['/' .. next_name])) then
    sequence.drop_next(enrollment)
    sequence.plan_next(enrollment, first.name, first.due_ms, fields.hold)
    is_changed = true
  elseif is_removed then
    sequence.complete(enrollment, given.now_ms)
  end
  return is_changed or is_removed
end

local function replan(person, given)
  local enrollment = owners.of(person.id)
  local fields = owners.fields(enrollment)
  local is_under_way = fields.status == 'accepted' or fields.status == 'active'
  if fields.campaign ~= given.campaign or not is_under_way and fields.status ~= 'completed' then return false end
  local is_changed = false
  -- A contact who was assessed again meanwhile is classified again.
  if is_under_way and fields.segment ~= person.segment and (fields.assessed_ms or fields.anchor_ms) == person.assessed_ms then
    redis.call('HSET', enrollment.key, 'segment', person.segment)
    timeline.add(person.id, given.now_ms, 'segment changed', person.segment)
    is_changed = true
  end
  if fields.status ~= 'accepted' and follow(enrollment, fields, given) then is_changed = true end
  if is_changed then projection.changed(person.id, given.now_ms) end
  return is_changed
end

-- replan(KEYS = [], ARGV = [JSON]) → people whose plan changed | -1 another version is in force
--   JSON  campaign, version, now_ms; steps: [{name, after_ms; is_new: the version before lacks it}]
--         send_late: new steps whose day has passed are sent too
--         people: [{id, segment, assessed_ms: text, of the assessment that leads to the segment}]
-- Repeating it changes nothing.
function versions.replan()
  local given = cjson.decode(ARGV[1])
  local version, is_replanning = in_force.of(given.campaign)
  if version ~= given.version or not is_replanning then return -1 end
  -- Others continue when this stalls.
  redis.call('HSET', keys.in_force, given.campaign .. ' replanned_ms', given.now_ms)
  local changed = 0
  for _, person in ipairs(given.people) do
    if replan(person, given) then changed = changed + 1 end
  end
  return changed
end

-- finish_replan(KEYS = [], ARGV = [campaign, version]) → 1 | 0 another version is in force
function versions.finish_replan()
  local campaign, version = unpack(ARGV)
  if in_force.of(campaign) ~= version then return 0 end
  redis.call('HDEL', keys.in_force, campaign .. ' replanning', campaign .. ' replanned_ms')
  return 1
end

return versions
