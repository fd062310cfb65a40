-- freeze_reminder(KEYS = [delivery, circuit], ARGV = [booking id, name, fence, now_ms, mark, mail])
--   delivery  HASH  see claim
-- → ['go', the frozen mail, attempt] | ['exited', reason] | ['held', until_ms, reason] | ['lost']
-- The last line before the provider: does the meeting still stand and lie ahead, may this address be written to?

local delivery, circuit = KEYS[1], KEYS[2]
local id, name, fence, now_ms, mark, mail = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5], ARGV[6]

if redis.call('HGET', delivery, 'fence') ~= fence then return {'lost'} end
local reason = against_reminder(id, name, mark, now_ms)
if reason then return {'exited', reason} end
local contact = redis.call('HGET', P .. 'meeting:' .. id, 'contact')
if is_paused('*') or is_paused(contact) then return {'held', now_ms + PAUSED_MS, 'paused'} end
local held = redis.call('HMGET', circuit, 'until', 'reason')
if held[1] and tonumber(held[1]) > now_ms then return {'held', tonumber(held[1]), held[2]} end

return begin_attempt(delivery, mail, now_ms)
