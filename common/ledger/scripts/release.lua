-- release(KEYS = [enrollment], ARGV = [enrollment id, why, now_ms]) → 1 | 0 not held for this
--   enrollment  HASH  `hold`: see hold
-- The last reason gone, what waits is scheduled again; how close two overdue mails may come is the claim's matter.

if release(ARGV[1], ARGV[2], ARGV[3]) then return 1 end
return 0
