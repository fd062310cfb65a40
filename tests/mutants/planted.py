"""
The faults: a guard dropped, two lines swapped, a comparison turned round.

Each names its script and what is there; `becomes` takes its place. When a script changes so that the text is gone,
write the fault anew for what is there now.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.mutants.planted_ledger import FAULTS

LEDGER = "common/ledger/lua"
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


MUTANTS: tuple[Mutant, ...] = (
    *(Mutant(LEDGER, *fault) for fault in FAULTS),
    # broker: ack, amend, beat
    Mutant(BROKER, "ack", "    return 0\n", "    -- goes on\n"),
    Mutant(BROKER, "ack", 'redis.call("HDEL", KEYS[1] .. ":" .. queue .. ".msgs", id)\n'),
    Mutant(BROKER, "ack", 'redis.call("HDEL", KEYS[1] .. ":__takeovers__." .. queue, id)\n'),
    Mutant(BROKER, "ack", 'redis.call("SREM", KEYS[1] .. ":__started__." .. suffix, id)\n'),
    Mutant(BROKER, "amend", "    return 0\n", "    -- goes on\n"),
    Mutant(BROKER, "beat", 'redis.call("ZADD", heartbeats, now_ms, ARGV[2])\n'),
    # cancel, enqueue, expire
    Mutant(BROKER, "cancel", 'redis.call("HDEL", waiting .. ".msgs", ARGV[4])\n'),
    Mutant(BROKER, "enqueue", '"RPUSH"', '"LPUSH"'),
    Mutant(BROKER, "enqueue", 'redis.call("HSET", queue .. ".msgs", ARGV[4], ARGV[5])\n'),
    Mutant(BROKER, "expire", "ARGV[3] - ARGV[4]", "ARGV[3] + ARGV[4]"),
    Mutant(BROKER, "expire", '    redis.call("HDEL", dead .. ".msgs", id)\n'),
    # fetch
    Mutant(BROKER, "fetch", "    if body then", "    if true then"),
    Mutant(BROKER, "fetch", '        redis.call("SADD", acks, id)\n'),
    Mutant(BROKER, "fetch", '"ZADD", KEYS[1] .. ":__heartbeats__", "NX"', '"ZADD", KEYS[1] .. ":__heartbeats__", "XX"'),
    Mutant(BROKER, "fetch", '    redis.call("SADD", KEYS[1] .. ":__queues__." .. worker, queue)\n'),
    Mutant(BROKER, "fetch", '"LPOP"', '"RPOP"'),
    # move
    Mutant(BROKER, "move", "    return -1\n", "    -- goes on\n"),
    Mutant(BROKER, "move", '    redis.call("HSET", waiting .. ".msgs", id, ARGV[7])\n'),
    Mutant(BROKER, "move", 'if ARGV[7] ~= "" then', "if true then"),
    Mutant(BROKER, "move", "    return 0\n", "    -- goes on\n"),
    # nack, note
    Mutant(BROKER, "nack", "    return 0\n", "    -- goes on\n"),
    Mutant(BROKER, "nack", '    redis.call("HSET", dead .. ".msgs", id, body)\n'),
    Mutant(BROKER, "nack", '    redis.call("HDEL", bodies, id)\n'),
    Mutant(BROKER, "note", "    return 0\n", "    -- goes on\n"),
    Mutant(BROKER, "note", 'redis.call("HSET", bodies, ARGV[4], ARGV[5])\n'),
    # promote
    Mutant(
        BROKER,
        "promote",
        '"-inf", now_ms, "WITHSCORES", "LIMIT", 0, most',
        '"-inf", "+inf", "WITHSCORES", "LIMIT", 0, most',
    ),
    Mutant(
        BROKER, "promote", '":__failed__." .. queue, due[i]) == 0 then', '":__failed__." .. queue, due[i]) >= 0 then'
    ),
    Mutant(
        BROKER,
        "promote",
        '"HSETNX", ready .. ".msgs", ready_id, body) == 1',
        '"HSETNX", ready .. ".msgs", ready_id, body) >= 0',
    ),
    Mutant(BROKER, "promote", '        redis.call("ZREM", waiting, unpack(ids))\n'),
    Mutant(BROKER, "promote", '        redis.call("HDEL", waiting .. ".msgs", unpack(ids))\n'),
    Mutant(
        BROKER,
        "promote",
        '"SISMEMBER", KEYS[1] .. ":__paused__", queue) == 1',
        '"SISMEMBER", KEYS[1] .. ":__paused__", queue) == 2',
    ),
    Mutant(BROKER, "promote", "from > tonumber(now_ms) and 0 or 1", "1"),
    Mutant(BROKER, "promote", '"RPUSH"', '"LPUSH"'),
    Mutant(BROKER, "promote", "bodies[i] or plain(queue, id, due_ms)", "plain(queue, id, due_ms)"),
    # purge, qsize
    Mutant(BROKER, "purge", 'redis.call("DEL", queue, queue .. ".msgs", queue .. ".XQ", queue .. ".XQ.msgs")\n'),
    Mutant(BROKER, "qsize", '    + redis.call("HLEN", queue .. ".msgs")\n'),
    Mutant(BROKER, "qsize", 'return redis.call("ZCARD", queue .. ".DQ")', "return 0"),
    # recover, requeue
    Mutant(BROKER, "recover", "if not held[id] then", "if true then"),
    Mutant(BROKER, "recover", 'redis.call("HEXISTS", ready .. ".msgs", id) == 1', "true"),
    Mutant(BROKER, "recover", '            redis.call("LPUSH", ready, id)\n'),
    Mutant(BROKER, "requeue", '"LPUSH"', '"RPUSH"'),
    Mutant(BROKER, "requeue", ':__acks__." .. suffix, id) == 1 then', ':__acks__." .. suffix, id) >= 0 then'),
    Mutant(BROKER, "requeue", "for i = #ARGV, 4, -1 do", "for i = 4, #ARGV do"),
    # schedule
    Mutant(BROKER, "schedule", "        return 0\n", "        -- goes on\n"),
    Mutant(BROKER, "schedule", 'redis.call("ZADD", waiting, ARGV[5], id)\n'),
    Mutant(BROKER, "schedule", '    redis.call("HDEL", KEYS[1] .. ":" .. queue .. ".msgs", attempt)\n'),
    # start
    Mutant(BROKER, "start", "    return 0\n", "    -- goes on\n"),
    Mutant(BROKER, "start", 'redis.call("SADD", KEYS[1] .. ":__started__." .. suffix, ARGV[4])\n'),
    # takeover
    Mutant(BROKER, "takeover", ">= deaths_max then", "> deaths_max then"),
    Mutant(BROKER, "takeover", "if retiring or redis.call", "if false and redis.call"),
    Mutant(BROKER, "takeover", "if retiring or redis.call", "if redis.call"),
    Mutant(BROKER, "takeover", "if retiring or worker ~= me then", "if true then"),
    Mutant(BROKER, "takeover", '"LPUSH"', '"RPUSH"'),
    Mutant(BROKER, "takeover", '    redis.call("DEL", acks, KEYS[1] .. ":__started__." .. worker .. "." .. queue)\n'),
    Mutant(BROKER, "takeover", '        redis.call("ZREM", heartbeats, worker)\n'),
    Mutant(BROKER, "takeover", "return a.at < b.at or", "return a.at > b.at or"),
    Mutant(BROKER, "takeover", '    redis.call("HDEL", KEYS[1] .. ":__takeovers__." .. queue, message.id)\n'),
    # providers: budget, creation_guard
    Mutant(PROVIDERS, "budget", "math.max(instant, hold, oldest + window)", "math.max(instant, hold)"),
    Mutant(PROVIDERS, "budget", "math.max(instant, hold, oldest + window)", "math.max(instant, oldest + window)"),
    Mutant(PROVIDERS, "budget", "if slot - instant > wait_most then", "if false then"),
    Mutant(PROVIDERS, "budget", "if instant > field('hold') then", "if true then"),
    Mutant(PROVIDERS, "notion/creation_guard", "if page then", "if false then"),
    Mutant(PROVIDERS, "notion/creation_guard", "attempted and ready > now and", "false and"),
    Mutant(PROVIDERS, "notion/creation_guard", "attempted and '1' or '0'", "'0'"),
)
