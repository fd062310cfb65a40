-- Finds the contact that an address belongs to.
-- uses: mailbox

local mailboxes = {}

-- find(KEYS = [aliases], ARGV = [JSON]) → [contact] in the order of the addresses
--   JSON  addresses: [{id, spelled_id, separate}], see mailbox.lua
function mailboxes.find()
  return mailbox.contacts(cjson.decode(ARGV[1]).addresses)
end

return mailboxes
