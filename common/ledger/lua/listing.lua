-- The fields that a list of people shows; changes nothing.

local listing = {}

local FIELDS = {
  'campaign', 'email', 'assessment', 'first_name', 'segment', 'status', 'exit_reason', 'language', 'anchor_ms',
  'address_hash', 'contact', 'next',
}
local ANCHOR, CONTACT, NEXT = 9, 11, 12

-- read(KEYS = [], ARGV = [enrollment]) → JSON: for each, in their order: [FIELDS, record of the next step, calls] |
--   false: not there. A field that is missing is false; calls: fields and values of the HASH with the person's calls,
--   {} without one. The answer is one text: a reply of 4,000 parts is slower to write for the store and to read for its
--   client.
function listing.read()
  local found = {}
  for place, id in ipairs(ARGV) do
    local key = keys.enrollment .. id
    local row = redis.call('HMGET', key, unpack(FIELDS))
    if row[ANCHOR] then
      row[#FIELDS + 1] = row[NEXT] and redis.call('HGET', key, '/' .. row[NEXT])
      row[#FIELDS + 2] = redis.call('HGETALL', keys.contact .. (row[CONTACT] or id))
      found[place] = row
    else
      found[place] = false
    end
  end
  return cjson.encode(found)
end

return listing
