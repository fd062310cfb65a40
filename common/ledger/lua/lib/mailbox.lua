-- One mailbox is one contact, however its address is spelled. Ids and address hashes are made of its canonical form;
-- those that a version before 0.3 made of another spelling remain in links, mails and enrollments.
--   aliases  HASH  contact → contact, address hash → address hash: the one under which the mailbox is stored

local mailbox = {}

function mailbox.kept(name)
  return redis.call('HGET', keys.aliases, name) or name
end

-- Return the contact of an address.
--   given  id: made of the canonical form; spelled_id: made of the address as it was given, if that differs
--          separate: each spelling is a contact of its own
function mailbox.contact(given)
  if given.separate then return given.id end
  local spelled = given.spelled_id
  if spelled and redis.call('EXISTS', keys.enrollment .. spelled) == 1 then return spelled end
  return mailbox.kept(given.id)
end

-- Return the contacts of several addresses, in their order.
function mailbox.contacts(several)
  local found = {}
  for i, one in ipairs(several or {}) do found[i] = mailbox.contact(one) end
  return found
end

-- Note that data of this mailbox is stored under an id that is not made of it.
--   traces:<mailbox>  SET  those ids: bookings that name it, and enrollments
function mailbox.note_trace(index_id, id)
  redis.call('SADD', keys.traces .. index_id, id)
end

return mailbox
