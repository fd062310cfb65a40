"""What is disrupted, how and when: all of it drawn from the seed before anything starts."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Literal

WORKERS = ("worker-1", "worker-2")
WHOM = ("gateway", *WORKERS, "store")

_KILLED = {"gateway": 2, "worker-1": 3, "worker-2": 3, "store": 2}
_DURING_START = 0.25
_DURING_TAKEOVER = 0.15
_TORN = 0.5
_STOPS, _FREEZES, _JUMPS = 0.1, 0.08, 0.08
"""How many SIGTERMs, SIGSTOPs and clock jumps there are per kill."""

What = Literal["kill", "stop", "freeze", "jump"]


@dataclass(frozen=True, slots=True, order=True)
class Disruption:
    """
    One disruption. `seconds`: how long a process is suspended, or how far its clock jumps.

    `torn`: the store's log then ends in half a command, as after a power cut in the middle of a write.
    """

    at_s: float
    what: What
    whom: str
    seconds: float = 0
    torn: bool = False


def disruptions(seed: int, *, kills: int, duration_s: float) -> list[Disruption]:
    """Return exactly `kills` kills and the other disruptions that go with them, ordered by time."""
    random = Random(f"acts {seed}")
    found: list[Disruption] = []
    while len(found) < kills:
        found += _kills(random, random.uniform(1, duration_s))
    found = found[:kills]
    for _ in range(round(kills * _STOPS)):
        found.append(Disruption(random.uniform(1, duration_s), "stop", random.choice(WHOM)))
    for _ in range(round(kills * _FREEZES)):
        whom = random.choice(WHOM)
        # Longer than a heartbeat (3 s) or the holder of a claim (4 s) may be silent; the store only sometimes.
        seconds = random.uniform(1, 5) if whom == "store" else random.uniform(4.5, 8)
        found.append(Disruption(random.uniform(1, duration_s), "freeze", whom, seconds))
    for _ in range(round(kills * _JUMPS)):
        whom = random.choice(("gateway", *WORKERS))
        found.append(Disruption(random.uniform(1, duration_s), "jump", whom, random.choice((-90, -20, -2, 2, 20, 90))))
    return sorted(found)


def _kills(random: Random, at_s: float) -> list[Disruption]:
    """Return a kill, often with a second one while the same process restarts or the other worker takes over from it."""
    [whom] = random.choices(WHOM, [_KILLED[name] for name in WHOM])
    torn = whom == "store" and random.random() < _TORN
    found = [Disruption(at_s, "kill", whom, torn=torn)]
    drawn = random.random()
    if drawn < _DURING_START:
        found.append(Disruption(at_s + random.uniform(0, 2.5), "kill", whom, torn=torn))
    elif drawn < _DURING_START + _DURING_TAKEOVER and whom in WORKERS:
        other = WORKERS[1 - WORKERS.index(whom)]
        found.append(Disruption(at_s + random.uniform(2.5, 4.5), "kill", other))
    return found
