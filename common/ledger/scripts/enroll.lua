-- enroll(KEYS = [enrollment],
--        ARGV = [enrollment id, now_ms, first due_ms, announce 0|1]) → status after it | false unknown
--   enrollment  HASH  one person in one campaign
-- The segment stands already (gateway and classify share the rule); this opens the way: step 1 is due at its instant.
-- A CRITICAL person is announced once, also when a later assessment made them so.

local enrollment = KEYS[1]
local id, now_ms, due_ms, announce = ARGV[1], ARGV[2], ARGV[3], ARGV[4] == '1'

local status = redis.call('HGET', enrollment, STATUS)
if not status then return false end

if status == 'accepted' then
  redis.call('HSET', enrollment, STATUS, 'active', NEXT, 1, DUE, due_ms)
  count('accepted', -1)
  count('active', 1)
  schedule('send', id .. '/step-1', due_ms)
  changed(id, now_ms)
  status = 'active'
end

if announce and status == 'active' and redis.call('HGET', enrollment, SEGMENT) == 'CRITICAL'
  and redis.call('HSETNX', enrollment, 'announced', now_ms) == 1 then
  schedule('announce', id, now_ms)
end
return status
