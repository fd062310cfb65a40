"""
The faults: a guard dropped, two lines swapped, a comparison turned round.

Each names its script and what is there; `becomes` takes its place. When a script changes so that the text is gone,
write the fault anew for what is there now.
"""

from __future__ import annotations

from dataclasses import dataclass

LEDGER = "common/ledger/scripts"
BROKER = "common/queue/lua"
PROVIDERS = "common/providers"


@dataclass(frozen=True)
class Mutant:
    folder: str
    script: str
    was: str
    becomes: str = ""

    @property
    def file(self) -> str:
        return f"{self.folder}/{self.script}.lua"

    def __str__(self) -> str:
        was, becomes = (" ⏎ ".join(line.strip() for line in text.splitlines()) for text in (self.was, self.becomes))
        return f"{self.script}: {was} → {becomes or 'nothing'}"


def _swapped(folder: str, script: str, first: str, second: str) -> Mutant:
    return Mutant(folder, script, f"{first}\n{second}\n", f"{second}\n{first}\n")


MUTANTS: tuple[Mutant, ...] = (
    # accept
    Mutant(LEDGER, "accept", "if given then", "if false then"),
    Mutant(LEDGER, "accept", "if not assessed_ms or is_left_over(id, known[3]) then", "if true then"),
    Mutant(LEDGER, "accept", " or is_left_over(id, known[3])"),
    Mutant(LEDGER, "accept", "status == 'accepted' and not is_coming[id] and", "not is_coming[id] and"),
    Mutant(LEDGER, "accept", "and not is_coming[id] and", "and"),
    Mutant(LEDGER, "accept", " and redis.call('SISMEMBER', P .. 'enrolled', id) == 0"),
    Mutant(LEDGER, "accept", "local given = lines[webhook] or redis", "local given = redis"),
    Mutant(LEDGER, "accept", "      lines[webhook], kept_ms[webhook] = given, remember_ms\n"),
    Mutant(
        LEDGER,
        "accept",
        "tonumber(received_ms) > tonumber(assessed_ms)",
        "tonumber(received_ms) < tonumber(assessed_ms)",
    ),
    Mutant(LEDGER, "accept", "  redis.call('SADD', P .. 'enrolled', unpack(newcomers))\n"),
    Mutant(LEDGER, "accept", "  count('accepted', #newcomers)\n"),
    Mutant(LEDGER, "accept", "  redis.call('ZADD', delayed('classify'), 'GT', unpack(classifications))\n"),
    Mutant(LEDGER, "accept", "'GT', "),
    Mutant(LEDGER, "accept", "2 * #newcomers - 1], classifications[2 * #newcomers]", "1], classifications[2]"),
    Mutant(LEDGER, "accept", "'pauses') == 1", "'pauses') == 0"),
    Mutant(LEDGER, "accept", "    if somebody_is_paused and is_paused(id) then hold(id, 'paused', received_ms) end\n"),
    Mutant(LEDGER, "accept", "  redis.call('SET', webhook, line, 'PX', kept_ms[webhook])\n"),
    Mutant(LEDGER, "accept", ", 'PX', kept_ms[webhook]"),
    Mutant(LEDGER, "accept", "local was_well, answer = pcall(accept, ", "local was_well, answer = true, accept("),
    Mutant(LEDGER, "accept", "unpack(ARGV, arg - 8, arg)", "unpack(ARGV, 1, 9)"),
    Mutant(LEDGER, "accept", "if somebody_has_left and is_forgotten(mark) then", "if false then"),
    Mutant(LEDGER, "accept", "if somebody_has_left and is_forgotten(mark) then", "if somebody_has_left then"),
    Mutant(LEDGER, "accept", "'suppressed') == 1", "'suppressed') == 0"),
    Mutant(LEDGER, "accept", "    if answer == '' then answer = 'duplicate' end\n    lines", "    lines"),
    Mutant(LEDGER, "accept", "then answer = 'duplicate' end\n    lines", "then answer = 'accepted' end\n    lines"),
    # accept_booking
    Mutant(LEDGER, "accept_booking", "if given then", "if false then"),
    Mutant(
        LEDGER,
        "accept_booking",
        "redis.call('HSETNX', booking, digest, event)",
        "redis.call('HSET', booking, 'one', event)",
    ),
    Mutant(LEDGER, "accept_booking", "  redis.call('SADD', P .. 'links:' .. ARGV[i], id)\n"),
    Mutant(LEDGER, "accept_booking", "redis.call('ZADD', P .. 'bookings', received_ms, id)\n"),
    Mutant(LEDGER, "accept_booking", "schedule('bookings', id .. '/' .. digest, received_ms)\n"),
    Mutant(LEDGER, "accept_booking", "if is_forgotten(mark) or redis", "if redis"),
    Mutant(LEDGER, "accept_booking", "or redis.call('SISMEMBER', P .. 'forgotten', id) == 1 then", "then"),
    # ask_calendar, ask_mirror
    Mutant(LEDGER, "ask_calendar", "if scheduled(", "if not scheduled("),
    Mutant(LEDGER, "ask_calendar", "schedule('reconcile_bookings', ARGV[1], ARGV[2])\n"),
    Mutant(LEDGER, "ask_mirror", "if ARGV[3] ~= ''", "if ARGV[3] == ''"),
    Mutant(LEDGER, "ask_mirror", "pump(tonumber(ARGV[1]))\n"),
    # claim
    Mutant(LEDGER, "claim", "if met then return {'already', string.match(met, '^%S+')} end\n"),
    Mutant(LEDGER, "claim", "if suppressed then", "if false then"),
    Mutant(LEDGER, "claim", "if status == 'exited' then", "if false then"),
    Mutant(LEDGER, "claim", "if first_claim and next_step ~= step then return {'unknown'} end\n"),
    Mutant(LEDGER, "claim", "if of_campaign ~= campaign then", "if false then"),
    Mutant(
        LEDGER,
        "claim",
        "claimed_ms + lease_ms > now_ms and alive(string.match(holder, '^[^#]*'))",
        "claimed_ms + lease_ms > now_ms",
    ),
    Mutant(
        LEDGER,
        "claim",
        "claimed_ms + lease_ms > now_ms and alive(string.match(holder, '^[^#]*'))",
        "alive(string.match(holder, '^[^#]*'))",
    ),
    Mutant(LEDGER, "claim", "  return {'in hand', holder}\n", ""),
    Mutant(LEDGER, "claim", "local again = holder == claimer", "local again = false"),
    Mutant(LEDGER, "claim", ">= LOST_MAX then", "> LOST_MAX then"),
    Mutant(LEDGER, "claim", "not_before > now_ms then", "not_before < now_ms then"),
    Mutant(LEDGER, "claim", "if held[1] and not again then", "if false then"),
    Mutant(LEDGER, "claim", "if not replay and last_ms and", "if last_ms and"),
    Mutant(LEDGER, "claim", "if not replay and last_ms and", "if false and"),
    Mutant(LEDGER, "claim", "if not replay and sending then", "if false then"),
    Mutant(LEDGER, "claim", "if open[6] == '1' then redis.call('HSET', delivery, 'doubt', 1, 'unknown', 0) end\n"),
    Mutant(
        LEDGER,
        "claim",
        "redis.call('HINCRBY', delivery, 'fence', again and 0 or 1)",
        "redis.call('HINCRBY', delivery, 'fence', 0)",
    ),
    Mutant(
        LEDGER,
        "claim",
        "redis.call('HINCRBY', delivery, 'fence', again and 0 or 1)",
        "redis.call('HINCRBY', delivery, 'fence', 1)",
    ),
    Mutant(LEDGER, "claim", "    schedule('send', id .. '/step-' .. (step + 1), next_due_ms)\n"),
    Mutant(LEDGER, "claim", "redis.call('ZADD', P .. 'open', now_ms + lease_ms, job)\n"),
    Mutant(LEDGER, "claim", "if hold_reason and not again then", "if false then"),
    Mutant(LEDGER, "claim", "  bury(id, step, ARGV[3], redis.call('HGET', delivery, 'attempts') or 0, reason)\n"),
    Mutant(LEDGER, "claim", "holder ~= '' and holder ~= open[9]", "holder ~= ''"),
    Mutant(LEDGER, "claim", "if not again and not may_be_tried(job, claimer) then", "if false then"),
    Mutant(LEDGER, "claim", "  due_ms = schedule('send', job, due_ms)\n", "  schedule('send', job, due_ms)\n"),
    Mutant(LEDGER, "claim", "    redis.call('HSET', enrollment, 'wait', due_ms)\n"),
    Mutant(LEDGER, "claim", "  redis.call('HDEL', enrollment, 'wait')\n"),
    Mutant(LEDGER, "claim", "    redis.call('HSET', delivery, 'retry', due_ms)\n"),
    Mutant(LEDGER, "claim", "    redis.call('ZADD', P .. 'open', due_ms, job)\n"),
    Mutant(LEDGER, "claim", "if not first_claim then close(reason) end", "close(reason)"),
    Mutant(LEDGER, "claim", "    redis.call('HSET', delivery, 'doubt', 1)\n"),
    Mutant(LEDGER, "claim", "  complete(id, steps, ARGV[3])\n"),
    Mutant(LEDGER, "claim", "if hold_reason and not again then", "if hold_reason then"),
    Mutant(LEDGER, "claim", "if not again and is_paused('*') then", "if is_paused('*') then"),
    Mutant(LEDGER, "claim", "if held[1] and not again then", "if held[1] then"),
    Mutant(LEDGER, "claim", "other ~= step and tonumber(since) + gap_ms > now_ms", "other ~= step"),
    # Not planted: that an unknown person is turned away first. `Ledger.claim` asked before, and nobody unknown has a
    # next step: only the word for it differs, for who is erased between the two.
    Mutant(LEDGER, "claim", "  later(now_ms + 600000)\n"),
    Mutant(LEDGER, "claim", "  later(not_before)\n"),
    Mutant(
        LEDGER,
        "claim",
        "not may_be_tried(job, claimer) then\n  later(now_ms + 1000)\n",
        "not may_be_tried(job, claimer) then\n",
    ),
    Mutant(LEDGER, "claim", "if before then\n", "if false then\n"),
    Mutant(LEDGER, "claim", "not replay and waiting_before(", "waiting_before("),
    Mutant(LEDGER, "claim", "  if held[1] then pass_turn(job, before, now_ms) end\n"),
    Mutant(LEDGER, "claim", "before, now_ms) end\n  later(now_ms + 1000)\n", "before, now_ms) end\n"),
    Mutant(LEDGER, "claim", "math.max(not_before, now_ms + PAUSED_MS)", "now_ms + PAUSED_MS"),
    Mutant(LEDGER, "claim", "if held[1] then redis.call('HSET', circuit, 'probe', now_ms) end\n"),
    Mutant(LEDGER, "claim", "if told_id and (", "if false and ("),
    Mutant(LEDGER, "claim", "(suppressed or status == 'exited' or is_last_death", "(suppressed or is_last_death"),
    Mutant(
        LEDGER, "claim", "(suppressed or status == 'exited' or is_last_death", "(status == 'exited' or is_last_death"
    ),
    Mutant(LEDGER, "claim", " or is_last_death(delivery)) then", ") then"),
    Mutant(LEDGER, "claim", "told_id, steps, ARGV[3])", "told_id, 100, ARGV[3])"),
    # claim_reminder
    Mutant(LEDGER, "claim_reminder", "if told_id and (reason or", "if told_id and ("),
    Mutant(LEDGER, "claim_reminder", "(reason or is_last_death(delivery))", "reason"),
    Mutant(LEDGER, "lib", "'lost') or 0) + 1 >= LOST_MAX", "'lost') or 0) + 2 >= LOST_MAX"),
    Mutant(LEDGER, "claim_reminder", "if fate ~= 'planned' then return {'already', fate} end\n"),
    Mutant(LEDGER, "claim_reminder", "  and alive(string.match(holder, '^[^#]*')) then", "  then"),
    Mutant(LEDGER, "claim_reminder", "if reason then\n  skip_reminder", "if false then\n  skip_reminder"),
    Mutant(LEDGER, "claim_reminder", "not_before > now_ms then return", "not_before < now_ms then return"),
    Mutant(LEDGER, "claim_reminder", "until_ms = math.min(until_ms, tonumber(string.match(name, '^%d+')))\n"),
    Mutant(LEDGER, "claim_reminder", "again and 0 or 1", "0"),
    Mutant(LEDGER, "claim_reminder", ">= LOST_MAX then", "> LOST_MAX then"),
    Mutant(
        LEDGER, "claim_reminder", "if open[4] == '1' then redis.call('HSET', delivery, 'doubt', 1, 'unknown', 0) end\n"
    ),
    Mutant(LEDGER, "claim_reminder", "    redis.call('HSET', delivery, 'doubt', 1)\n"),
    Mutant(LEDGER, "claim_reminder", "if not again and (is_paused('*')", "if (is_paused('*')"),
    Mutant(LEDGER, "claim_reminder", "math.max(not_before, now_ms + PAUSED_MS)", "now_ms + PAUSED_MS"),
    Mutant(LEDGER, "claim_reminder", "if held[1] and not again then", "if held[1] then"),
    Mutant(LEDGER, "claim_reminder", "if held[1] then redis.call('HSET', circuit, 'probe', now_ms) end\n"),
    Mutant(LEDGER, "claim_reminder", "if not again and not may_be_tried(job, claimer) then", "if false then"),
    Mutant(LEDGER, "claim_reminder", "redis.call('ZADD', P .. 'open', now_ms + lease_ms, job)\n"),
    # discard, discard_reminder
    Mutant(LEDGER, "discard", "redis.call('ZREM', KEYS[2], job) == 0", "false"),
    Mutant(LEDGER, "discard", "redis.call('DEL', KEYS[1])\n"),
    Mutant(LEDGER, "discard_reminder", "then return 0 end", "then return 1 end"),
    # doubt
    Mutant(LEDGER, "doubt", "~= fence then return 0 end", "~= fence then return 1 end"),
    Mutant(LEDGER, "doubt", "math.min(first_ms, since_ms)", "math.max(first_ms, since_ms)"),
    # enroll
    Mutant(LEDGER, "enroll", "if status == 'accepted' then", "if true then"),
    Mutant(LEDGER, "enroll", "  schedule('send', id .. '/step-1', due_ms)\n"),
    Mutant(LEDGER, "enroll", "  changed(id, now_ms)\n"),
    Mutant(
        LEDGER,
        "enroll",
        "'HSETNX', enrollment, 'announced', now_ms) == 1",
        "'HSETNX', enrollment, 'announced', now_ms) >= 0",
    ),
    # exit
    Mutant(LEDGER, "exit", "redis.call('HSETNX', KEYS[2], mark", "redis.call('HSET', KEYS[2], mark"),
    Mutant(LEDGER, "exit", "if exit(id, reason, now_ms) then return 1 end\n"),
    # feedback
    Mutant(LEDGER, "feedback", "if given then return {1, given} end\n"),
    Mutant(LEDGER, "feedback", "holder == '' or not alive(string.match(holder, '^[^#]*'))", "true"),
    Mutant(LEDGER, "feedback", "attempts, at_ms + sent, id)", "attempts, at_ms, id)"),
    Mutant(LEDGER, "feedback", "  elseif kind == 'failed' then\n    return\n"),
    Mutant(LEDGER, "feedback", "tonumber(first_ms) < tonumber(event_ms)", "tonumber(first_ms) > tonumber(event_ms)"),
    Mutant(LEDGER, "feedback", "  leave()\n"),
    Mutant(LEDGER, "feedback", "if mark ~= '' then suppress() end", "suppress()"),
    Mutant(LEDGER, "feedback", "      redis.call('HSET', delivery, 'told', mailed_ms .. ' ' .. provider_id)\n"),
    # forget
    Mutant(LEDGER, "forget", "if not is_forgotten(mark) then", "if true then"),
    Mutant(LEDGER, "forget", "  redis.call('DEL', P .. 'delivery:' .. job)\n"),
    Mutant(LEDGER, "forget", "  redis.call('ZREM', P .. 'open', job)\n"),
    Mutant(LEDGER, "forget", "  redis.call('ZREM', P .. 'dead', job)\n"),
    Mutant(LEDGER, "forget", "  unschedule('send', job)\n"),
    Mutant(LEDGER, "forget", "if fate and fate ~= 'planned' then count(", "if fate then count("),
    Mutant(
        LEDGER,
        "forget",
        "  redis.call('SADD', forgotten, id)\n  drop_failed(id)\n",
        "  redis.call('SADD', forgotten, id)\n",
    ),
    Mutant(LEDGER, "forget", "  redis.call('SADD', forgotten, id)\n"),
    Mutant(LEDGER, "forget", "  if status then count(status, -1) end\n"),
    Mutant(LEDGER, "forget", "  redis.call('HDEL', P .. 'syncing', id)\n"),
    Mutant(LEDGER, "forget", "  redis.call('HDEL', P .. 'pauses', id)\n"),
    Mutant(LEDGER, "forget", "do redis.call('HDEL', P .. 'booking:' .. event[1], event[2]) end", "do end"),
    # found, found_reminder
    Mutant(LEDGER, "found", "tonumber(since_ms) ~= buried_ms", "false"),
    Mutant(LEDGER, "found", "redis.call('ZREM', dead, job)\n"),
    Mutant(LEDGER, "found", "last_sent(id, sent_ms)\n"),
    Mutant(LEDGER, "found_reminder", "tonumber(since_ms) ~= tonumber(ARGV[4])", "false"),
    Mutant(LEDGER, "found_reminder", "redis.call('ZREM', dead, job)\n"),
    # freeze
    Mutant(LEDGER, "freeze", "if redis.call('HGET', delivery, 'fence') ~= fence then return {'lost'} end\n"),
    Mutant(LEDGER, "freeze", "if suppressed then exit(id, string.match(suppressed, '^%S+'), ARGV[3]) end\n"),
    Mutant(LEDGER, "freeze", "if known[1] == 'exited' then return {'exited', known[2]} end\n"),
    Mutant(LEDGER, "freeze", "if held[1] and tonumber(held[1]) > now_ms then", "if false then"),
    Mutant(LEDGER, "freeze", "if held[1] and tonumber(held[1]) > now_ms then", "if held[1] then"),
    # freeze_reminder
    Mutant(LEDGER, "freeze_reminder", "~= fence then return {'lost'} end", "~= fence then return {'held', 1, ''} end"),
    Mutant(LEDGER, "freeze_reminder", "if reason then return {'exited', reason} end\n"),
    Mutant(LEDGER, "freeze_reminder", "if is_paused('*') or is_paused(contact) then", "if is_paused('*') then"),
    Mutant(LEDGER, "freeze_reminder", "if is_paused('*') or is_paused(contact) then", "if is_paused(contact) then"),
    Mutant(LEDGER, "freeze_reminder", "if held[1] and tonumber(held[1]) > now_ms then", "if false then"),
    # gather_booking
    Mutant(LEDGER, "gather_booking", "  if contact then contacts[#contacts + 1] = contact end\n"),
    Mutant(LEDGER, "gather_booking", "ipairs(series(ARGV[1]))", "ipairs({ARGV[1]})"),
    # hold, release
    Mutant(LEDGER, "hold", "then return 1 end", "then return 0 end"),
    Mutant(LEDGER, "release", "then return 1 end", "then return 0 end"),
    # keep_lease
    Mutant(LEDGER, "keep_lease", "~= ARGV[2] then return 0 end", "~= ARGV[2] then return 1 end"),
    Mutant(LEDGER, "keep_lease", "redis.call('HSET', KEYS[1], 'claimed', ARGV[3])\n"),
    # lib
    _swapped(
        LEDGER,
        "lib",
        "  local attempts = redis.call('HGET', delivery, 'attempts') or 0",
        "  redis.call('DEL', delivery)",
    ),
    Mutant(LEDGER, "lib", "  redis.call('ZREM', P .. 'dead', job)\n"),
    Mutant(LEDGER, "lib", "  unschedule('send', job)\n  local what", "  local what"),
    Mutant(LEDGER, "lib", "'sending') or '', '^%d+') == step then", "'sending') or '', '^%d+') then"),
    Mutant(LEDGER, "lib", "'sending') or '', '^%d+') == step then", "'sending') or '', '^%d+') == '' then"),
    Mutant(LEDGER, "lib", "  last_sent(owner, mailed_ms)\n  complete(", "  complete("),
    Mutant(LEDGER, "lib", "  complete(owner, tonumber(steps), now_ms)\n"),
    Mutant(
        LEDGER, "lib", "if waits[1] == '' and tonumber(waits[2] or 0) <= now_ms + 2000 then", "if waits[1] == '' then"
    ),
    Mutant(LEDGER, "lib", "if waits[1] == '' and tonumber(", "if tonumber("),
    Mutant(LEDGER, "lib", "'s' .. earlier) == 0 then", "'s' .. earlier) >= 0 then"),
    Mutant(LEDGER, "lib", "  redis.call('SADD', P .. 'queue:__failed__.send', from)\n"),
    Mutant(LEDGER, "lib", "  redis.call('SREM', P .. 'queue:__failed__.send', to)\n"),
    Mutant(LEDGER, "lib", "  schedule('send', to, now_ms)\n"),
    Mutant(LEDGER, "lib", "local SILENT_MS = 4000", "local SILENT_MS = 4000000000000"),
    Mutant(LEDGER, "lib", "  redis.call('ZADD', delayed(queue), due_ms, id)\n  return due_ms", "  return due_ms"),
    Mutant(LEDGER, "lib", "    due_ms = due_ms + 1\n", "    break\n"),
    Mutant(
        LEDGER,
        "lib",
        "  redis.call('HDEL', delayed(queue) .. '.msgs', id)\n  return redis.call('ZREM'",
        "  return redis.call('ZREM'",
    ),
    Mutant(LEDGER, "lib", "  if not beat then return false end\n", "  if not beat then return true end\n"),
    Mutant(LEDGER, "lib", "  redis.call('ZADD', P .. 'changed', now_ms, enrollment_id)\n"),
    Mutant(LEDGER, "lib", "'HSETNX', delivery, 'frozen', mail", "'HSET', delivery, 'frozen', mail"),
    Mutant(LEDGER, "lib", "'HSETNX', delivery, 'first', now_ms", "'HSET', delivery, 'first', now_ms"),
    Mutant(LEDGER, "lib", "  redis.call('HSET', delivery, 'unknown', 1)\n"),
    Mutant(LEDGER, "lib", "  if known[1] == '' then return end\n"),
    Mutant(LEDGER, "lib", "'why', detail, 'unknown', 0)", "'why', detail)"),
    Mutant(LEDGER, "lib", "  redis.call('HDEL', delivery, 'lost')\n"),
    Mutant(LEDGER, "lib", "    if outcome == 'retry' then redis.call('HINCRBY', delivery, 'failures', 1) end\n"),
    Mutant(
        LEDGER,
        "lib",
        "redis.call('HINCRBY', delivery, 'attempts', -1)",
        "redis.call('HINCRBY', delivery, 'attempts', 1)",
    ),
    Mutant(LEDGER, "lib", "  schedule('send', job, due_ms)\nend\n\n-- The fate", "end\n\n-- The fate"),
    Mutant(LEDGER, "lib", "  if before then count('fate:' .. string.match(before, '^%S+'), -1) end\n"),
    Mutant(LEDGER, "lib", "tonumber(last_ms) < tonumber(sent_ms)", "tonumber(last_ms) > tonumber(sent_ms)"),
    Mutant(
        LEDGER,
        "lib",
        "  redis.call('ZADD', P .. 'dead', now_ms, job)\n  redis.call('ZREM', P .. 'open', job)\n  tell(",
        "  redis.call('ZREM', P .. 'open', job)\n  tell(",
    ),
    # Not planted: that `complete` looks for a next step first. It saves looking at each step: a next one has no fate.
    Mutant(LEDGER, "lib", "tonumber(sent_ms) == 0 and '0' or", "tonumber(sent_ms) == 0 and '+0' or"),
    Mutant(LEDGER, "lib", "string.format('%+.0f', sent_ms - at_ms)", "string.format('%+.0f', at_ms - sent_ms)"),
    Mutant(LEDGER, "lib", "    if redis.call('HEXISTS', key, 's' .. step) == 0 then return end\n"),
    Mutant(LEDGER, "lib", "  if status ~= 'accepted' and status ~= 'active' then return false end\n"),
    Mutant(LEDGER, "lib", "  if step then unschedule('send', enrollment_id .. '/step-' .. step) end\n"),
    Mutant(
        LEDGER,
        "lib",
        "    redis.call('HDEL', P .. 'queue:__probing__', queue)\n",
    ),
    Mutant(LEDGER, "lib", "  if known[3] then unschedule('send', enrollment_id .. '/step-' .. known[3]) end\n"),
    Mutant(
        LEDGER,
        "lib",
        "  if known[2] then schedule('send', enrollment_id .. '/step-' .. known[2], known[4] or known[3]) end\n",
    ),
    Mutant(LEDGER, "lib", "  if #left > 0 then", "  if false then"),
    Mutant(LEDGER, "lib", "  if known[1] ~= 'booked' then return known[1] end\n"),
    Mutant(LEDGER, "lib", "  if known[2] ~= start then return 'moved' end\n"),
    Mutant(LEDGER, "lib", "  if tonumber(start) <= now_ms then return 'expired' end\n"),
    Mutant(LEDGER, "lib", "  if open[2] == '1' or open[3] == '1' then\n", "  if false then\n"),
    Mutant(LEDGER, "lib", "'lost') or 0) < 2 then return true end", "'lost') or 0) < 3 then return true end"),
    Mutant(
        LEDGER,
        "lib",
        "'worker') == holder\n    and alive(string.match(holder, '^[^#]*')) then",
        "'worker') == holder then",
    ),
    Mutant(
        LEDGER,
        "lib",
        "if other and other ~= job and redis.call('HGET', P .. 'delivery:' .. other, 'worker') == holder",
        "if other and other ~= job",
    ),
    Mutant(LEDGER, "lib", "  redis.call('LTRIM', timeline, -200, -1)\n"),
    Mutant(LEDGER, "lib", "if outcome == 'hold' and doubt then redis", "if outcome == 'hold' then redis"),
    Mutant(LEDGER, "lib", "if outcome == 'hold' and doubt then redis", "if doubt then redis"),
    Mutant(LEDGER, "lib", "elseif outcome == 'retry' or known[4] ~= detail then", "elseif known[4] ~= detail then"),
    Mutant(LEDGER, "lib", "elseif outcome == 'retry' or known[4] ~= detail then", "else"),
    Mutant(LEDGER, "lib", "  redis.call('ZADD', P .. 'open', due_ms, job)\n"),
    Mutant(
        LEDGER,
        "lib",
        "record(enrollment_id, step, 'dead', now_ms, attempts, 0, reason)\n"
        "  redis.call('HSET', P .. 'delivery:' .. job, 'worker', '', 'unknown', 0)\n"
        "  redis.call('HINCRBY', P .. 'delivery:' .. job, 'fence', 1)\n",
        "record(enrollment_id, step, 'dead', now_ms, attempts, 0, reason)\n"
        "  redis.call('HSET', P .. 'delivery:' .. job, 'worker', '', 'unknown', 0)\n",
    ),
    Mutant(
        LEDGER,
        "lib",
        "record_reminder(booking, name, 'dead', now_ms, attempts, 0, reason)\n"
        "  redis.call('HSET', P .. 'delivery:' .. job, 'worker', '', 'unknown', 0)\n"
        "  redis.call('HINCRBY', P .. 'delivery:' .. job, 'fence', 1)\n",
        "record_reminder(booking, name, 'dead', now_ms, attempts, 0, reason)\n"
        "  redis.call('HSET', P .. 'delivery:' .. job, 'worker', '', 'unknown', 0)\n",
    ),
    Mutant(LEDGER, "lib", "if open[2] == '1' or open[3] == '1' then\n", "if open[2] == '1' then\n"),
    Mutant(LEDGER, "lib", "  count('active', -1)\n  count('completed', 1)\n"),
    Mutant(LEDGER, "lib", "  count(status, -1)\n  count('exited', 1)\n"),
    Mutant(LEDGER, "lib", "'completed' and redis.call('HSETNX', key, 'reason', reason) == 1 then", "'completed' then"),
    Mutant(LEDGER, "lib", "if before and before ~= 'planned' then count(", "if before then count("),
    Mutant(LEDGER, "lib", "if fate ~= 'planned' then count(", "if true then count("),
    # pause, resume
    Mutant(LEDGER, "pause", "if stands then return {0, stands} end\n"),
    Mutant(LEDGER, "pause", "  redis.call('SADD', P .. 'queue:__paused__', 'send')\n"),
    Mutant(LEDGER, "pause", "  hold(whose, 'paused', now_ms)\n"),
    Mutant(LEDGER, "resume", "  redis.call('SREM', P .. 'queue:__paused__', 'send')\n"),
    Mutant(LEDGER, "resume", "redis.call('HDEL', KEYS[1], whose)\n"),
    Mutant(LEDGER, "resume", "  release(whose, 'paused', now_ms)\n"),
    # replay, replay_reminder
    Mutant(LEDGER, "replay", "if since_ms < 0 or", "if"),
    Mutant(LEDGER, "replay", "(buried_ms > 0 and since_ms ~= buried_ms)", "false"),
    Mutant(LEDGER, "replay", "redis.call('ZREM', dead, job)\n"),
    Mutant(LEDGER, "replay", "if way == 'fresh' then redis.call('HDEL', delivery, 'frozen') end\n"),
    Mutant(LEDGER, "replay", "if way == 'fresh' then", "if true then"),
    Mutant(LEDGER, "replay", "if way ~= 'same' then", "if true then"),
    Mutant(LEDGER, "replay", "schedule('send', job, now_ms)\n"),
    Mutant(LEDGER, "replay", "'replay', 1)", "'replay', 0)"),
    Mutant(LEDGER, "replay_reminder", "if since_ms < 0 or", "if"),
    Mutant(LEDGER, "replay_reminder", "schedule('send', job, now_ms)\n"),
    Mutant(LEDGER, "replay_reminder", "if way == 'fresh' then", "if true then"),
    Mutant(LEDGER, "replay", "count('fate:dead', -1)\n"),
    Mutant(LEDGER, "replay", "redis.call('ZADD', P .. 'open', now_ms, job)\n"),
    # restore
    Mutant(
        LEDGER,
        "restore",
        "elseif status ~= 'active' then\n  return 'known'",
        "elseif status ~= 'active' then\n  status = 'active'",
    ),
    Mutant(LEDGER, "restore", "if reason and is_blank then", "if reason then"),
    Mutant(LEDGER, "restore", "if not is_met(step) and not is_open(step) then", "if not is_met(step) then"),
    Mutant(LEDGER, "restore", "      last_sent(id, sent[1])\n"),
    Mutant(
        LEDGER,
        "restore",
        "tonumber(given.anchor) < tonumber(anchor_ms)",
        "tonumber(given.anchor) > tonumber(anchor_ms)",
    ),
    Mutant(LEDGER, "restore", "if not held then schedule(", "if true then schedule("),
    Mutant(LEDGER, "restore", "if is_new and is_forgotten(mark) then return 'forgotten' end\n"),
    # settle
    Mutant(LEDGER, "settle", "if redis.call('HGET', delivery, 'fence') ~= fence then return 0 end\n"),
    Mutant(LEDGER, "settle", "if doubt then redis.call('HSET', delivery, 'doubt', 1) end\n"),
    Mutant(LEDGER, "settle", "  try_again(job, id, 'step ' .. step, outcome, detail, due_ms, doubt, now_ms)\n"),
    Mutant(LEDGER, "settle", "unschedule('send', job)\n"),
    Mutant(LEDGER, "settle", "complete(id, steps, now_ms)\n"),
    Mutant(LEDGER, "settle", "redis.call('ZREM', P .. 'open', job)\n"),
    Mutant(LEDGER, "settle", "if told_id and outcome ~= 'accepted' then", "if false then"),
    Mutant(LEDGER, "settle", "if told_id and outcome ~= 'accepted' then", "if told_id then"),
    Mutant(LEDGER, "settle", "'accepted', told_id, told_ms", "'accepted', told_id, '0'"),
    Mutant(LEDGER, "settle", "return told_id and -1 or", "return"),
    Mutant(LEDGER, "settle", "if sending and string.match(sending, '^%d+') == step then", "if sending then"),
    # settle_reminder
    Mutant(LEDGER, "settle_reminder", "if redis.call('HGET', delivery, 'fence') ~= fence then return 0 end\n"),
    Mutant(LEDGER, "settle_reminder", "  due_ms = math.min(due_ms, tonumber(string.match(name, '^%d+')))\n"),
    Mutant(
        LEDGER, "settle_reminder", "'reminder ' .. called, outcome, detail,", "'reminder ' .. called, 'hold', detail,"
    ),
    Mutant(LEDGER, "settle_reminder", "  bury_reminder(id, name, now_ms, attempts, detail)\n"),
    Mutant(LEDGER, "settle_reminder", "if told_id and outcome ~= 'accepted' then", "if false then"),
    Mutant(LEDGER, "settle_reminder", "if told_id and outcome ~= 'accepted' then", "if told_id then"),
    Mutant(LEDGER, "settle_reminder", "'accepted', told_id, told_ms", "'accepted', told_id, '0'"),
    Mutant(LEDGER, "settle_reminder", "return told_id and -1 or", "return"),
    Mutant(LEDGER, "settle_reminder", "if listed_ms == '0' then troubled_since = recovered(circuit) end\n"),
    Mutant(LEDGER, "settle_reminder", "redis.call('ZREM', P .. 'open', job)\n"),
    Mutant(LEDGER, "settle_reminder", "  redis.call('HSET', delivery, 'unknown', 0)\n"),
    Mutant(LEDGER, "settle_reminder", "unschedule('send', job)\n"),
    # shown, take_changed
    Mutant(LEDGER, "shown", "~= worker then return 0 end", "~= worker then return 1 end"),
    Mutant(LEDGER, "shown", "redis.call('HDEL', syncing, id)\n"),
    Mutant(LEDGER, "shown", "REV) ~= revision then", "REV) == revision then"),
    Mutant(LEDGER, "shown", "  redis.call('HSET', enrollment, SHOWN, revision)\n"),
    Mutant(LEDGER, "shown", "elseif again_ms > 0 then", "elseif again_ms < 0 then"),
    Mutant(LEDGER, "take_changed", "tonumber(since) + FORGOTTEN_MS < now_ms or not alive(holder)", "false"),
    Mutant(LEDGER, "take_changed", "if redis.call('HEXISTS', syncing, id) == 0 then", "if true then"),
    Mutant(LEDGER, "take_changed", "'ZREVRANGE'", "'ZRANGE'"),
    Mutant(LEDGER, "take_changed", "    redis.call('ZREM', changed_key, id)\n"),
    # sweep
    Mutant(LEDGER, "sweep", "then heal('classify', id, due_ms) end", "then healed[1] = id end"),
    Mutant(
        LEDGER,
        "sweep",
        "known[1] == 'active' and known[2] and not known[8] then",
        "known[1] == 'active' and known[2] then",
    ),
    Mutant(LEDGER, "sweep", "      heal('send', job, due_ms)\n"),
    Mutant(LEDGER, "sweep", "      heal('send', job, now_ms)\n"),
    Mutant(LEDGER, "sweep", "    if not scheduled('send', job, due_ms) then\n", "    if true then\n"),
    Mutant(LEDGER, "sweep", "    redis.call('ZADD', P .. 'changed', now_ms, id)\n"),
    Mutant(LEDGER, "sweep", "  if waiting > 0 then pump(now_ms) end\n"),
    # trouble
    Mutant(
        LEDGER,
        "trouble",
        "not known[1] and not everybodys and different < 3",
        "not known[1] and not everybodys and different < 4",
    ),
    Mutant(LEDGER, "trouble", "if not string.find(failing, whose, 1, true) then failing", "if true then failing"),
    Mutant(LEDGER, "trouble", "math.min(1000 * 2 ^ misses, 30000)", "math.min(1000 * 2 ^ misses, 300000)"),
    Mutant(LEDGER, "trouble", "if at_least_ms <= until_ms then return", "if true then return"),
    Mutant(LEDGER, "trouble", "let_through_from(circuit, until_ms, whose)\n"),
    # write_bookings
    Mutant(LEDGER, "write_bookings", "if there ~= events then return 0 end\n"),
    Mutant(
        LEDGER,
        "write_bookings",
        "'turn') or '0') ~= contact[2] then return 0 end",
        "'turn') or '0') ~= contact[2] then break end",
    ),
    Mutant(
        LEDGER,
        "write_bookings",
        "at_ms ~= due_ms and redis.call('EXISTS', P .. 'delivery:' .. job) == 0",
        "at_ms ~= due_ms",
    ),
    Mutant(LEDGER, "write_bookings", "'worker') or '') == '' then", "'worker') or '') ~= '' then"),
    Mutant(LEDGER, "write_bookings", "  if nurture == 'hold' then hold(who, 'booked', now_ms) end\n"),
    Mutant(LEDGER, "write_bookings", "  if nurture == 'stop' then exit(who, 'stopped', now_ms) end\n"),
    Mutant(LEDGER, "write_bookings", "  if nurture == 'release' then release(who, 'booked', now_ms) end\n"),
    Mutant(LEDGER, "write_bookings", "redis.call('ZREM', KEYS[1], id)\n"),
    Mutant(LEDGER, "write_bookings", "  redis.call('ZADD', P .. 'open', due_ms, job)\n"),
    # ask_replay, refuse_replay, never_accepted, put_off_booking
    Mutant(LEDGER, "ask_replay", "~= buried_ms then return 0 end", "~= buried_ms then return 1 end"),
    Mutant(LEDGER, "ask_replay", "schedule('replay', id, now_ms)\n"),
    Mutant(LEDGER, "refuse_replay", "~= buried_ms then return 0 end", "~= buried_ms then return 1 end"),
    Mutant(LEDGER, "refuse_replay", "redis.call('HDEL', delivery, 'asked')\n"),
    Mutant(LEDGER, "never_accepted", "known[1] ~= fence or known[2]", "known[2]"),
    Mutant(LEDGER, "never_accepted", "known[2] ~= '1' or known[3] then", "known[3] then"),
    Mutant(LEDGER, "never_accepted", "known[2] ~= '1' or known[3] then", "known[2] ~= '1' then"),
    Mutant(LEDGER, "put_off_booking", "redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])\n"),
    Mutant(LEDGER, "put_off_booking", "schedule('bookings', ARGV[1], ARGV[2])\n"),
    # queue
    Mutant(BROKER, "queue", "  redis.call('ZADD', queue_keys.dead(name), now_ms, id)\n"),
    Mutant(BROKER, "queue", "  redis.call('HSET', queue_keys.dead_messages(name), id, message)\n"),
    Mutant(BROKER, "queue", "  redis.call('HDEL', queue_keys.messages(name), id)\n"),
    # messages
    Mutant(
        BROKER, "messages", "in_flight(), id) == 0 then return false end", "in_flight(), id) == 2 then return false end"
    ),
    Mutant(BROKER, "messages", "  redis.call('SREM', queue_keys.started(WORKER, QUEUE), id)\n"),
    Mutant(BROKER, "messages", "  if redis.call('HEXISTS', queue_keys.messages(QUEUE), id) == 0 then return 0 end\n"),
    Mutant(BROKER, "messages", "  redis.call('LPUSH', queue_keys.ready(QUEUE), id)\n"),
    Mutant(BROKER, "messages", "'LPUSH'", "'RPUSH'"),
    Mutant(BROKER, "messages", "'RPUSH'", "'LPUSH'"),
    Mutant(
        BROKER,
        "messages",
        "  redis.call('HSET', queue_keys.messages(QUEUE), ID, BODY)\n  redis.call('RPUSH'",
        "  redis.call('RPUSH'",
    ),
    Mutant(BROKER, "messages", "    if message then", "    if true then"),
    Mutant(BROKER, "messages", "      redis.call('SADD', in_flight(), id)\n"),
    Mutant(BROKER, "messages", "queue_keys.heartbeats(), 'NX'", "queue_keys.heartbeats(), 'XX'"),
    Mutant(BROKER, "messages", "    redis.call('SADD', queue_keys.queues_of(WORKER), QUEUE)\n"),
    Mutant(BROKER, "messages", "'LPOP'", "'RPOP'"),
    Mutant(
        BROKER,
        "messages",
        "function messages.start()\n  if redis.call('SISMEMBER', in_flight(), ID) == 0 then return 0 end\n",
        "function messages.start()\n",
    ),
    Mutant(BROKER, "messages", "  redis.call('SADD', queue_keys.started(WORKER, QUEUE), ID)\n"),
    Mutant(
        BROKER,
        "messages",
        "  redis.call('HDEL', queue_keys.crashes(QUEUE), ID)\n  redis.call('HDEL', queue_keys.messages(QUEUE), ID)\n",
        "  redis.call('HDEL', queue_keys.messages(QUEUE), ID)\n",
    ),
    Mutant(BROKER, "messages", "  redis.call('HDEL', queue_keys.messages(QUEUE), ID)\n"),
    Mutant(
        BROKER,
        "messages",
        "function messages.replace()\n  if redis.call('SISMEMBER', in_flight(), ID) == 0 then return 0 end\n",
        "function messages.replace()\n",
    ),
    Mutant(
        BROKER, "messages", "queue_keys.dead_messages(QUEUE), ID) == 0", "queue_keys.dead_messages(QUEUE), ID) == 2"
    ),
    Mutant(BROKER, "messages", "  redis.call('HSET', queue_keys.dead_messages(QUEUE), ID, BODY)\n"),
    Mutant(BROKER, "messages", "for i = #ARGV, 4, -1 do", "for i = 4, #ARGV do"),
    Mutant(BROKER, "messages", "if not known[id] then", "if true then"),
    Mutant(BROKER, "messages", "NOW_MS - ARGV[4]", "NOW_MS + ARGV[4]"),
    Mutant(BROKER, "messages", "    redis.call('HDEL', queue_keys.dead_messages(QUEUE), id)\n"),
    Mutant(BROKER, "messages", "  redis.call('DEL', queue_keys.ready(QUEUE), queue_keys.messages(QUEUE))\n"),
    Mutant(BROKER, "messages", "    + redis.call('HLEN', queue_keys.messages(name))\n"),
    Mutant(BROKER, "messages", "return redis.call('ZCARD', queue_keys.delayed(name))", "return 0"),
    # delays
    Mutant(BROKER, "delays", "attempt) == 0 then return 0 end", "attempt) == 2 then return 0 end"),
    Mutant(
        BROKER,
        "delays",
        "  redis.call('ZADD', queue_keys.delayed(QUEUE), due_ms, ID)\n  redis.call('HSET'",
        "  redis.call('HSET'",
    ),
    Mutant(BROKER, "delays", "    redis.call('HDEL', queue_keys.messages(QUEUE), attempt)\n"),
    Mutant(BROKER, "delays", "  redis.call('HDEL', queue_keys.delayed_messages(QUEUE), ID)\n"),
    Mutant(BROKER, "delays", "~= before then return -1 end", "== 0 then return -1 end"),
    Mutant(BROKER, "delays", "if after ~= '' then", "if true then"),
    Mutant(
        BROKER,
        "delays",
        "queue_keys.delayed_messages(QUEUE), ID, after)",
        "queue_keys.delayed_messages(QUEUE), ID, before)",
    ),
    Mutant(BROKER, "delays", "  if not redis.call('ZSCORE', queue_keys.delayed(QUEUE), ID) then return 0 end\n"),
    Mutant(
        BROKER,
        "delays",
        "'-inf', NOW_MS, 'WITHSCORES', 'LIMIT', 0, count_max",
        "'-inf', '+inf', 'WITHSCORES', 'LIMIT', 0, count_max",
    ),
    Mutant(
        BROKER, "delays", "queue_keys.failed(queue), due[i]) == 0 then", "queue_keys.failed(queue), due[i]) >= 0 then"
    ),
    Mutant(BROKER, "delays", "ready_id, message) == 1 then", "ready_id, message) >= 0 then"),
    Mutant(BROKER, "delays", "  redis.call('ZREM', queue_keys.delayed(queue), unpack(ids))\n"),
    Mutant(BROKER, "delays", "  redis.call('HDEL', queue_keys.delayed_messages(queue), unpack(ids))\n"),
    Mutant(BROKER, "delays", "queue_keys.paused(), queue) == 1", "queue_keys.paused(), queue) == 2"),
    Mutant(BROKER, "delays", "from_ms > tonumber(NOW_MS) and 0 or 1", "1"),
    Mutant(BROKER, "delays", "'RPUSH'", "'LPUSH'"),
    Mutant(BROKER, "delays", "waiting[i] or plain_message(queue, id, due_ms)", "plain_message(queue, id, due_ms)"),
    # workers
    Mutant(BROKER, "workers", "  redis.call('ZADD', queue_keys.heartbeats(), now_ms, WORKER)\n"),
    Mutant(BROKER, "workers", ">= limits.crashes_max then", "> limits.crashes_max then"),
    Mutant(
        BROKER, "workers", "  if redis.call('SISMEMBER', queue_keys.started(worker, name), id) == 0 then return 0 end\n"
    ),
    Mutant(
        BROKER,
        "workers",
        "release_all(WORKER, function() return 0 end)",
        "release_all(WORKER, function() return 9 end)",
    ),
    Mutant(BROKER, "workers", "    if worker ~= WORKER then", "    if true then"),
    Mutant(BROKER, "workers", "'LPUSH'", "'RPUSH'"),
    Mutant(BROKER, "workers", "  redis.call('DEL', in_flight, queue_keys.started(worker, name))\n"),
    Mutant(BROKER, "workers", "  redis.call('ZREM', queue_keys.heartbeats(), worker)\n"),
    Mutant(BROKER, "workers", "return a.at_ms < b.at_ms or", "return a.at_ms > b.at_ms or"),
    Mutant(BROKER, "workers", "  redis.call('HDEL', queue_keys.crashes(name), id)\n"),
    # providers: budget, creation_guard
    Mutant(PROVIDERS, "budget", "math.max(instant, hold, oldest + window)", "math.max(instant, hold)"),
    Mutant(PROVIDERS, "budget", "math.max(instant, hold, oldest + window)", "math.max(instant, oldest + window)"),
    Mutant(PROVIDERS, "budget", "if slot - instant > wait_most then", "if false then"),
    Mutant(PROVIDERS, "budget", "if instant > field('hold') then", "if true then"),
    Mutant(PROVIDERS, "notion/creation_guard", "if page then", "if false then"),
    Mutant(PROVIDERS, "notion/creation_guard", "attempted and ready > now and", "false and"),
    Mutant(PROVIDERS, "notion/creation_guard", "attempted and '1' or '0'", "'0'"),
)
