-- freeze(KEYS = [enrollment, delivery, circuit], ARGV = [enrollment id, fence, now_ms, mark, mail])
--   delivery  HASH  see claim
-- → ['go', the frozen mail, attempt] | ['exited', reason] | ['held', until_ms or 0, reason] | ['lost']
-- The last line before the provider: are we still who we were, may this person still be written to, is the way open?
-- Then the mail is kept, byte for byte, and the attempt begins: from here its outcome is unknown until it is settled.

local enrollment, delivery, circuit = KEYS[1], KEYS[2], KEYS[3]
local id, fence, now_ms, mark, mail = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5]

if redis.call('HGET', delivery, 'fence') ~= fence then return {'lost'} end
local suppressed = redis.call('HGET', P .. 'suppressed', mark)
if suppressed then exit(id, string.match(suppressed, '^%S+'), ARGV[3]) end
local known = redis.call('HMGET', enrollment, STATUS, 'reason', 'hold')
if known[1] == 'exited' then return {'exited', known[2]} end
if known[3] then return {'held', 0, known[3]} end
if is_paused('*') then return {'held', now_ms + PAUSED_MS, 'paused'} end

local held = redis.call('HMGET', circuit, 'until', 'reason')
if held[1] and tonumber(held[1]) > now_ms then return {'held', tonumber(held[1]), held[2]} end

return begin_attempt(delivery, mail, now_ms)
