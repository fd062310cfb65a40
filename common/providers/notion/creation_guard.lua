-- guard(KEYS = [create], ARGV = ['begin', now_ms, settle_ms, keep_ms])
--   → {'go', 1 after an unknown outcome | 0} | {'page', id} | {'wait', ms}
-- guard(KEYS = [create], ARGV = ['created', page_id, keep_ms]) → {'page', id}
--   create   HASH   attempted: when a worker began to create this page, ms; its outcome is not known yet
--                   page: the page that was created; queries may not show it yet
--            expires after `keep_ms`: by then the ledger has the id, and queries show the page
--
-- An attempt without an outcome stops all workers from creating for `settle_ms`. Within that time a query finds the
-- page, if there is one; after it, the attempt may be repeated, and the worker that does gets the unknown outcome.

if ARGV[1] == 'created' then
  redis.call('HSET', KEYS[1], 'page', ARGV[2])
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  return {'page', ARGV[2]}
end

local page = redis.call('HGET', KEYS[1], 'page')
if page then
  return {'page', page}
end

local now, settle = tonumber(ARGV[2]), tonumber(ARGV[3])
local attempted = redis.call('HGET', KEYS[1], 'attempted')
local ready = tonumber(attempted or '0') + settle
if attempted and ready > now and tonumber(attempted) <= now + settle then
  return {'wait', string.format('%d', ready - now)}
end

redis.call('HSET', KEYS[1], 'attempted', string.format('%d', now))
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return {'go', attempted and '1' or '0'}
