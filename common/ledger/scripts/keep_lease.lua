-- keep_lease(KEYS = [delivery, open], ARGV = [delivery id, fence, now_ms, lease_ms]) → 1 kept | 0 claimed by another since
--   delivery  HASH  see claim
--   open      ZSET  delivery → instant at which something should happen to it, ms
-- Whoever asks the provider for long what became of a mail says so, and is not taken for one who forgot it.

if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], 'claimed', ARGV[3])
redis.call('ZADD', KEYS[2], tonumber(ARGV[3]) + tonumber(ARGV[4]), ARGV[1])
return 1
