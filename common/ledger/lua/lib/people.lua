-- Which enrollments changed, so that a process that holds a list of people reads only these again.
--   people_changes       ZSET    enrollment → number of its newest change; the newest `limits.people_changes_max` only
--   people_changes:last  STRING  number of the newest change

local people = {}

local AT_ONCE = 1000

local function trim(last)
  redis.call('ZREMRANGEBYSCORE', keys.people_changes, '-inf', last - limits.people_changes_max)
end

function people.note_changes(ids)
  for first = 1, #ids, AT_ONCE do
    local last = math.min(first + AT_ONCE - 1, #ids)
    local number, numbered = redis.call('INCRBY', keys.people_changes .. ':last', last - first + 1), {}
    for i = first, last do
      numbered[#numbered + 1] = string.format('%.0f', number - last + i)
      numbered[#numbered + 1] = ids[i]
    end
    redis.call('ZADD', keys.people_changes, unpack(numbered))
    trim(number)
  end
end

function people.note_change(id)
  local number = redis.call('INCR', keys.people_changes .. ':last')
  redis.call('ZADD', keys.people_changes, number, id)
  if number % 100 == 0 then trim(number) end
end

-- Nothing is stored of a contact who was forgotten, not even that they changed.
function people.remove(id)
  redis.call('ZREM', keys.people_changes, id)
end

return people
