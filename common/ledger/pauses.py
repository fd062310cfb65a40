"""Pauses: an operator stops all mail, a campaign's mail or a contact's mail, until the pause is ended."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field

from common.domain.ids import EnrollmentId
from common.ledger import keys
from common.ledger.store import Store

EVERYBODY = "*"
_CAMPAIGN = "campaign:"


def campaign_scope(key: str) -> str:
    """Return the scope under which the pause of a campaign is stored."""
    return _CAMPAIGN + key


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """One pause. `since_ms`: when it began. `by`: who began it. `reason`: why, or ""."""

    since_ms: int
    by: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivePauses:
    """All pauses. `everybody`: the pause of all mail, or None. `contacts`: by contact. `campaigns`: by campaign key."""

    everybody: Pause | None
    contacts: dict[EnrollmentId, Pause]
    campaigns: dict[str, Pause] = field(default_factory=dict)


class Pauses:
    """The pauses of one store. Raises as `Store.run` does."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def start(self, scope: str | None, pause: Pause) -> tuple[Pause, bool]:
        """
        Pause all mail (None), one contact's, or one campaign's (`campaign_scope`).

        Returns the pause in effect and whether this call began it: an existing pause stays as it is. Once the call has
        returned, no new attempt of the paused mail begins. The schedule is kept.
        """
        said = json.dumps(asdict(pause), ensure_ascii=False)
        began, holds = await self._store.run("pauses.start", _keys(scope), [scope or EVERYBODY, said, pause.since_ms])
        return read_pause(holds), bool(began)

    async def finish(self, scope: str | None, *, now_ms: int) -> Pause | None:
        """
        End the pause of all mail (None), one contact or one campaign. Return the pause that ended, if there was one.

        Overdue deliveries are then due at once.
        """
        held = await self._store.run("pauses.finish", _keys(scope), [scope or EVERYBODY, now_ms])
        return read_pause(held) if held else None

    async def active(self) -> ActivePauses:
        """Return the pauses that are in effect."""
        found = {name: read_pause(text) for name, text in (await self._store.read_hash(keys.PAUSES)).items()}
        everybody = found.pop(EVERYBODY, None)
        campaigns = {name: pause for name, pause in found.items() if name.startswith(_CAMPAIGN)}
        return ActivePauses(
            everybody=everybody,
            contacts={EnrollmentId(name): pause for name, pause in found.items() if name not in campaigns},
            campaigns={name.removeprefix(_CAMPAIGN): pause for name, pause in campaigns.items()},
        )


def _keys(scope: str | None) -> list[str]:
    return [keys.PAUSES, keys.enrollment(scope)] if scope else [keys.PAUSES]


def read_pause(text: str) -> Pause:
    """Read a pause from its stored text."""
    return Pause(**json.loads(text))
