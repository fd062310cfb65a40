"""Records every action of a user in the action log, whether a page or a program requested it."""

from __future__ import annotations

from collections.abc import Sequence

from common.ledger.action_log import Action
from services.console.auth.access import PRINCIPAL
from services.console.context import ConsoleContext


async def record_action(
    context: ConsoleContext, what: str, on: Sequence[str], *, before: str = "", after: str = "", why: str = ""
) -> None:
    """
    Record an action in the action log, and refresh the status so that the next page shows it.

    `on`: ids. `before`, `after`: the state in words. `why`: the user's reason.
    """
    principal = PRINCIPAL.get()
    await context.ledger.action_log.record(
        Action(
            at_ms=context.clock.now_ms(),
            by=principal.name,
            via=principal.via,
            what=what,
            on=tuple(on),
            before=before,
            after=after,
        ),
        why=why,
    )
    context.status_cache.invalidate()
