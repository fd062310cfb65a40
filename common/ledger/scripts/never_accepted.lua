-- never_accepted(KEYS = [delivery], ARGV = [fence]) → 1 | 0 a person decides, or claimed by another since
--   delivery  HASH  see claim; probed: 1 when a try of unknown outcome cost nothing, because everybody waited;
--                   taken: 1 when the provider said that it has another mail under this key
-- The provider lists everything that it accepted since the first try, and this is not among it. What was tried while
-- everybody waited goes then, so that a long outage ends without dead letters: the doubt is over, the frozen mail stays, and
-- the next try is the first that the provider has to remember.

local delivery, fence = KEYS[1], ARGV[1]
local known = redis.call('HMGET', delivery, 'fence', 'probed', 'taken')
if known[1] ~= fence or known[2] ~= '1' or known[3] then return 0 end
redis.call('HDEL', delivery, 'doubt', 'first', 'probed')
return 1
