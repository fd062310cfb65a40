"""The action log: the newest actions of users at the console, its API or the command line. Bounded; newest last."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from common.ledger import keys
from common.ledger.store import Store
from common.observability.logs import get_logger, mask_text

ACTIONS_MAX: Final = 10_000
PAGE: Final = 500
IDS_MAX: Final = 20
"""Of an action on more ids, only this many are stored, and the number of the others."""

Via = Literal["console", "api", "cli"]

log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """
    One action: `by` did `what` at `at_ms`.

    `on`: ids of contacts, deliveries or campaigns, or `everybody`; never an address. `before`, `after`: the state in
    words, "" where there is none.
    """

    at_ms: int
    by: str
    via: Via
    what: str
    on: tuple[str, ...]
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionFilter:
    """
    Criteria for actions. An empty field matches every action.

    `on`: matches actions on one of these ids, or on a delivery of one of them.
    """

    by: str = ""
    via: str = ""
    what: str = ""
    on: tuple[str, ...] = ()

    def matches(self, action: Action) -> bool:
        pairs = ((self.by, action.by), (self.via, action.via), (self.what, action.what))
        on = any(one == each or one.startswith(f"{each}/") for one in action.on for each in self.on)
        return all(wanted in ("", found) for wanted, found in pairs) and (not self.on or on)

    def written(self) -> list[bytes]:
        """Return texts that every matching action's stored line contains, so that other lines need not be parsed."""
        one = self.on[0] if len(self.on) == 1 else ""
        wanted = [text for text in (self.by, self.via, self.what, one) if text]
        return [json.dumps(text, ensure_ascii=False)[1:-1].encode() for text in wanted]


class ActionLog:
    """The log of the newest ACTIONS_MAX actions. Raises as `Store.run` does."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def record(self, action: Action, *, why: str = "") -> None:
        """
        Store an action, and write it to the log of this process; both without addresses.

        `why`: the reason in the user's own words, appended to `after` in the store. It is left out of the log line,
        because it may contain a name.
        """
        said = asdict(action) | {"on": _bounded(action.on)}
        said |= {name: mask_text(said[name]) for name in ("before", "after")}
        kept = said | {"after": f"{said['after']}: {mask_text(why)}"} if why else said
        await self._store.run("action_log.record", [keys.ACTIONS], [json.dumps(kept, ensure_ascii=False), ACTIONS_MAX])
        log.info("action_taken", **{name: value for name, value in said.items() if value not in ("", [])})

    async def newest(self, wanted: ActionFilter, *, first: int = 0, number: int = 50) -> list[Action]:
        """Return up to `number` matching actions, newest first, starting at index `first`."""
        found: list[Action] = []
        written = wanted.written()
        async for line in self._lines():
            if all(part in line for part in written) and wanted.matches(action := _read(line)):
                found.append(action)
            if len(found) == first + number:
                break
        return found[first:]

    async def _lines(self) -> AsyncIterator[bytes]:
        """Yield the stored lines, newest first."""
        client = self._store.client
        for last in range(-1, -ACTIONS_MAX - 1, -PAGE):
            page: Any = await client.lrange(keys.ACTIONS, last - PAGE + 1, last)
            for line in reversed(page):
                yield line
            if len(page) < PAGE:
                return


def _read(line: bytes) -> Action:
    read = json.loads(line)
    return Action(**read | {"on": tuple(read["on"])})


def _bounded(on: Sequence[str]) -> list[str]:
    rest = len(on) - IDS_MAX
    return [*on] if rest <= 0 else [*on[:IDS_MAX], f"and {rest} more"]
