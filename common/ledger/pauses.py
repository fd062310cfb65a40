"""Pauses: a person of the team says that nobody is written to for now, or not this person; kept until ended."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from common.domain.ids import EnrollmentId
from common.ledger import keys
from common.ledger.ledger import Ledger

EVERYBODY = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """`since_ms`: when it was said. `by`: who said it. `reason`: why, or ""."""

    since_ms: int
    by: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pauses:
    """All that stand: `everybody`, None when the campaign goes on, and of single people."""

    everybody: Pause | None
    people: dict[EnrollmentId, Pause]


async def pause(ledger: Ledger, whose: EnrollmentId | None, said: Pause) -> tuple[Pause, bool]:
    """
    Pause everybody (None) or one person: the pause that stands, and whether this began it; the first one said stands.

    From its answer on no mail of theirs begins to leave. The schedule is kept. Raises as the ledger does.
    """
    began, stands = await ledger.run_script(
        "pause", _keys(whose), [whose or EVERYBODY, json.dumps(asdict(said), ensure_ascii=False), said.since_ms]
    )
    return _read(stands), bool(began)


async def resume(ledger: Ledger, whose: EnrollmentId | None, *, now_ms: int) -> Pause | None:
    """End the pause of everybody (None) or of one person: the pause that stood. What is overdue is due at once."""
    stood = await ledger.run_script("resume", _keys(whose), [whose or EVERYBODY, now_ms])
    return _read(stood) if stood else None


async def standing(ledger: Ledger) -> Pauses:
    """The pauses that stand."""
    found = {name: _read(text) for name, text in (await ledger.read_hash(keys.PAUSES)).items()}
    everybody = found.pop(EVERYBODY, None)
    return Pauses(everybody=everybody, people={EnrollmentId(name): pause for name, pause in found.items()})


async def is_paused(ledger: Ledger) -> bool:
    """Whether the whole campaign is paused."""
    return bool(await ledger.patiently(lambda: ledger.client.hexists(keys.PAUSES, EVERYBODY)))


def _keys(whose: EnrollmentId | None) -> list[str]:
    return [keys.PAUSES, keys.enrollment(whose)] if whose else [keys.PAUSES]


def _read(text: str) -> Pause:
    return Pause(**json.loads(text))
