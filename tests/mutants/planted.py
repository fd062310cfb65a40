"""
The faults: a guard dropped, two lines swapped, a comparison turned round.

Each names its script and what is there; `becomes` takes its place. When a script changes so that the text is gone,
write the fault anew for what is there now.
"""

from __future__ import annotations

from tests.mutants.mutant import ACTORS, BROKER, DOMAIN, LEDGER, PROVIDERS, TWILIO, Mutant
from tests.mutants.planted_ledger import FAULTS

MUTANTS: tuple[Mutant, ...] = (
    *(Mutant(LEDGER, *fault) for fault in FAULTS),
    # queue
    Mutant(BROKER, "queue", "    due_ms = due_ms + 1\n", "    break\n"),
    Mutant(BROKER, "queue", "  redis.call('ZADD', queue_keys.delayed(name), due_ms, id)\n"),
    Mutant(BROKER, "queue", "  redis.call('HDEL', queue_keys.delayed_messages(name), id)\n"),
    Mutant(BROKER, "queue", "if not heartbeat_ms then return false", "if not heartbeat_ms then return true"),
    Mutant(BROKER, "queue", "+ limits.heartbeat_timeout_ms >", "+ 4000000000000 >"),
    Mutant(BROKER, "queue", "queue_keys.delayed(name), 'NX', due_ms, id", "queue_keys.delayed(name), due_ms, id"),
    Mutant(BROKER, "queue", "  redis.call('SADD', queue_keys.paused(), name)\n"),
    Mutant(BROKER, "queue", "  redis.call('SREM', queue_keys.paused(), name)\n"),
    Mutant(BROKER, "queue", "  redis.call('SADD', queue_keys.failed(name), from_id)\n"),
    Mutant(BROKER, "queue", "  redis.call('SREM', queue_keys.failed(name), to_id)\n"),
    Mutant(BROKER, "queue", "  redis.call('HDEL', queue_keys.probing(), name, name .. '/wait')\n"),
    Mutant(BROKER, "queue", "  redis.call('DEL', queue_keys.failed(name))\n"),
    Mutant(BROKER, "queue", "  redis.call('SADD', queue_keys.failed(name), failed_id)\n"),
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
        BROKER, "delays", "queue_keys.failed(name), due[i]) == 0 then", "queue_keys.failed(name), due[i]) >= 0 then"
    ),
    Mutant(BROKER, "delays", "ready_id, message) == 1 then", "ready_id, message) >= 0 then"),
    Mutant(BROKER, "delays", "  redis.call('ZREM', queue_keys.delayed(name), unpack(ids))\n"),
    Mutant(BROKER, "delays", "  redis.call('HDEL', queue_keys.delayed_messages(name), unpack(ids))\n"),
    Mutant(BROKER, "delays", "queue_keys.paused(), name) == 1", "queue_keys.paused(), name) == 2"),
    Mutant(BROKER, "delays", "from_ms > tonumber(NOW_MS) and 0 or 1", "1"),
    Mutant(BROKER, "delays", "'RPUSH'", "'LPUSH'"),
    Mutant(BROKER, "delays", "waiting[i] or plain_message(name, id, due_ms)", "plain_message(name, id, due_ms)"),
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
    Mutant(BROKER, "workers", "    if worker ~= WORKER and (ago_ms", "    if (ago_ms"),
    Mutant(BROKER, "workers", "'LPUSH'", "'RPUSH'"),
    Mutant(BROKER, "workers", "  redis.call('DEL', in_flight, queue_keys.started(worker, name))\n"),
    Mutant(BROKER, "workers", "  redis.call('ZREM', queue_keys.heartbeats(), worker)\n"),
    Mutant(BROKER, "workers", "return a.at_ms < b.at_ms or", "return a.at_ms > b.at_ms or"),
    Mutant(BROKER, "workers", "  redis.call('HDEL', queue_keys.crashes(name), id)\n"),
    # providers: budget, creation_guard
    Mutant(PROVIDERS, "budget", "math.max(instant, hold, oldest + window)", "math.max(instant, hold)"),
    Mutant(PROVIDERS, "budget", "math.max(instant, hold, oldest + window)", "math.max(instant, oldest + window)"),
    Mutant(PROVIDERS, "budget", "if slot - instant > wait_max then", "if false then"),
    Mutant(
        PROVIDERS,
        "budget",
        "keep('hold', math.max(instant, field('hold')), 86400000)",
        "keep('hold', instant, 86400000)",
    ),
    Mutant(PROVIDERS, "notion/creation_guard", "if page then", "if false then"),
    Mutant(PROVIDERS, "notion/creation_guard", "attempted and ready > now and", "false and"),
    Mutant(PROVIDERS, "notion/creation_guard", "attempted and '1' or '0'", "'0'"),
    # SMS: consent, and hours
    Mutant(DOMAIN, "contact.py", " and self.sms_consent.is_given\n", "\n"),
    Mutant(ACTORS, "render_sms.py", "    if not given:\n        raise NotSent(NO_CONSENT)\n"),
    Mutant(ACTORS, "render_sms.py", ":= mobile_number(one)", ":= one"),
    Mutant(
        ACTORS, "render_sms.py", "if closing_ms is None or closing_ms", "if closing_ms is not None and 0 > closing_ms"
    ),
    Mutant(ACTORS, "render_sms.py", "return min(latest_ms, closing_ms)", "return closing_ms"),
    Mutant(ACTORS, "render_sms.py", "return min(latest_ms, closing_ms)", "return latest_ms"),
    Mutant(
        ACTORS,
        "render_sms.py",
        "return replace(Sms.thawed(payload), valid_until_ms=",
        "return Sms.thawed(payload) or str(",
    ),
    Mutant(ACTORS, "windows.py", "closing_ms - now_ms < BEFORE_QUIET_MS", "closing_ms < now_ms"),
    Mutant(ACTORS, "channels.py", "return None if world.settings.may_text(message.to) else TEST_MODE", "return None"),
    Mutant(DOMAIN, "reminders.py", "rules.sms_window.last_open_ms(wanted_ms, zone) if rules.sms_window else ", ""),
    Mutant(DOMAIN, "reminders.py", "if skip_reason == PASSED and wanted_ms >= booking.received_ms:", "if False:"),
    # SMS: what became of one whose answer was lost
    Mutant(DOMAIN, "delivery.py", "KEY_REMEMBERED_MS if self is Channel.EMAIL else 0", "KEY_REMEMBERED_MS"),
    Mutant(ACTORS, "failure_policy.py", "if is_looked_for or claim.failures", "if claim.failures"),
    Mutant(ACTORS, "find_accepted.py", " if one.id not in known]", "]"),
    Mutant(ACTORS, "find_accepted.py", " if plain_text(one.body) == text.body]", "]"),
    Mutant(ACTORS, "find_accepted.py", "    if len(found) == 1:\n", "    if found:\n"),
    Mutant(
        ACTORS,
        "find_accepted.py",
        "list_accepted(since_ms, to=text.to, budget",
        "list_accepted(since_ms, to=None, budget",
    ),
    Mutant(ACTORS, "find_accepted.py", "text = Sms.thawed(item.payload) if item.payload else ", "text = "),
    Mutant(ACTORS, "send.py", "answer.is_unsent and claim.delivery.channel.has_idempotency_keys", "answer.is_unsent"),
    Mutant(ACTORS, "send.py", "number=route.number(message),", "number=None,"),
    Mutant(ACTORS, "send.py", "number=decision.number if decision.ends else None,", "number=None,"),
    Mutant(TWILIO, "texter.py", "str(min(max(seconds, 1), VALIDITY_MAX_S))", "str(VALIDITY_MAX_S)"),
    Mutant(TWILIO, "texter.py", "min(max(seconds, 1), VALIDITY_MAX_S)", "max(seconds, 1)"),
    Mutant(TWILIO, "texter.py", "min(max(seconds, 1), VALIDITY_MAX_S)", "min(seconds, VALIDITY_MAX_S)"),
    Mutant(TWILIO, "texter.py", " if not _is_inbound(row)]", "]"),
)
