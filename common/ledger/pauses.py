"""Pauses: a person of the team says that nobody is written to for now, or not this person; kept until ended."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field

from common.domain.ids import EnrollmentId
from common.ledger import keys
from common.ledger.store import Store

EVERYBODY = "*"
_CAMPAIGN = "campaign:"


def campaign_scope(key: str) -> str:
    """Whom a pause of a campaign is kept for."""
    return _CAMPAIGN + key


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """`since_ms`: when it was said. `by`: who said it. `reason`: why, or ""."""

    since_ms: int
    by: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivePauses:
    """`everybody`: None when mail goes on; `people`: of single contacts; `campaigns`: by key."""

    everybody: Pause | None
    people: dict[EnrollmentId, Pause]
    campaigns: dict[str, Pause] = field(default_factory=dict)


class Pauses:
    """Raises as `Store.run` does."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def start(self, whose: str | None, pause: Pause) -> tuple[Pause, bool]:
        """
        Pause everybody (None), one contact or one campaign (`campaign_scope`): the pause that holds, and whether this
        began it; the first one stays.

        From its answer on no mail of theirs begins to leave. The schedule is kept.
        """
        said = json.dumps(asdict(pause), ensure_ascii=False)
        began, holds = await self._store.run("pauses.start", _keys(whose), [whose or EVERYBODY, said, pause.since_ms])
        return read_pause(holds), bool(began)

    async def finish(self, whose: str | None, *, now_ms: int) -> Pause | None:
        """
        End the pause of everybody (None), one contact or one campaign: the pause that held. What is overdue is due.
        """
        held = await self._store.run("pauses.finish", _keys(whose), [whose or EVERYBODY, now_ms])
        return read_pause(held) if held else None

    async def active(self) -> ActivePauses:
        """The pauses that hold."""
        found = {name: read_pause(text) for name, text in (await self._store.read_hash(keys.PAUSES)).items()}
        everybody = found.pop(EVERYBODY, None)
        campaigns = {name: pause for name, pause in found.items() if name.startswith(_CAMPAIGN)}
        return ActivePauses(
            everybody=everybody,
            people={EnrollmentId(name): pause for name, pause in found.items() if name not in campaigns},
            campaigns={name.removeprefix(_CAMPAIGN): pause for name, pause in campaigns.items()},
        )


def _keys(whose: str | None) -> list[str]:
    return [keys.PAUSES, keys.enrollment(whose)] if whose else [keys.PAUSES]


def read_pause(text: str) -> Pause:
    """As it is kept."""
    return Pause(**json.loads(text))
