"""Pauses: a person of the team says that nobody is written to for now, or not this person; kept until ended."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from common.domain.ids import EnrollmentId
from common.ledger import keys
from common.ledger.store import Store

EVERYBODY = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """`since_ms`: when it was said. `by`: who said it. `reason`: why, or ""."""

    since_ms: int
    by: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivePauses:
    """`everybody`: None when the campaign goes on; `people`: of single contacts."""

    everybody: Pause | None
    people: dict[EnrollmentId, Pause]


class Pauses:
    """Raises as `Store.run` does."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def start(self, contact: EnrollmentId | None, pause: Pause) -> tuple[Pause, bool]:
        """
        Pause everybody (None) or one contact: the pause that holds, and whether this began it; the first one stays.

        From its answer on no mail of theirs begins to leave. The schedule is kept.
        """
        said = json.dumps(asdict(pause), ensure_ascii=False)
        began, holds = await self._store.run(
            "pauses.start", _keys(contact), [contact or EVERYBODY, said, pause.since_ms]
        )
        return read_pause(holds), bool(began)

    async def finish(self, contact: EnrollmentId | None, *, now_ms: int) -> Pause | None:
        """End the pause of everybody (None) or of one contact: the pause that held. What is overdue is due at once."""
        held = await self._store.run("pauses.finish", _keys(contact), [contact or EVERYBODY, now_ms])
        return read_pause(held) if held else None

    async def active(self) -> ActivePauses:
        """The pauses that hold."""
        found = {name: read_pause(text) for name, text in (await self._store.read_hash(keys.PAUSES)).items()}
        everybody = found.pop(EVERYBODY, None)
        return ActivePauses(everybody=everybody, people={EnrollmentId(name): pause for name, pause in found.items()})

    async def is_everybody_paused(self) -> bool:
        client = self._store.client
        return bool(await self._store.patiently(lambda: client.hexists(keys.PAUSES, EVERYBODY)))


def _keys(contact: EnrollmentId | None) -> list[str]:
    return [keys.PAUSES, keys.enrollment(contact)] if contact else [keys.PAUSES]


def read_pause(text: str) -> Pause:
    """As it is kept."""
    return Pause(**json.loads(text))
