-- ask_mirror(KEYS = [changed], ARGV = [due_ms, now_ms, enrollment id or '']) → 1
--   changed  ZSET  enrollment → instant of the change that Notion does not show yet, ms
-- Have the pump come at due_ms; and one person be among the changed again.

if ARGV[3] ~= '' then redis.call('ZADD', KEYS[1], 'NX', ARGV[2], ARGV[3]) end
pump(tonumber(ARGV[1]))
return 1
