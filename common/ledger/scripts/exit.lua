-- exit(KEYS = [enrollment, suppressed], ARGV = [enrollment id, mark or '', reason, now_ms]) → 1 ended by this | 0
--   suppressed  HASH  mark of an address → `reason ms`: never written to again, in no campaign
-- The first reason stands: who complained and then unsubscribes has complained.

local id, mark, reason, now_ms = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if mark ~= '' then redis.call('HSETNX', KEYS[2], mark, reason .. ' ' .. now_ms) end
if exit(id, reason, now_ms) then return 1 end
return 0
