-- hold(KEYS = [enrollment], ARGV = [enrollment id, why, now_ms]) → 1 | 0 held for this already, or over
--   enrollment  HASH  `hold`: the reasons for which nothing of it is sent, one word each; the claim refuses meanwhile

if hold(ARGV[1], ARGV[2], ARGV[3]) then return 1 end
return 0
