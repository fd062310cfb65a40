"""Replaying or discarding many dead letters: all of one reason, some, or all."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Final, Literal

from common.domain.ids import DeliveryId
from common.ledger.dead_letters import PAGE, DeadLetter
from common.ledger.ledger import Ledger
from services.console.acting import record_action
from services.console.auth.access import PRINCIPAL
from services.console.bulk_decisions import WAIT_S, BulkDecision
from services.console.context import ConsoleContext
from services.console.dead_letters.groups import discard_letter, replay_letter

REASONS_MAX: Final = 20
"""Reasons that one entry of the action log names."""
Verb = Literal["replay", "discard"]
Chosen = Mapping[str, int | None]
"""Chosen delivery ids. The value is `dead_since_ms` as the user saw it, or None to accept any."""


async def decide_many(
    context: ConsoleContext,
    verb: Verb,
    *,
    reason: str | None = None,
    chosen: Chosen | None = None,
    waits_for_end: bool = False,
) -> BulkDecision:
    """
    Replay or discard all of one reason, those of `chosen`, or all; count `replayed`, `asked`, `discarded` and `gone`.

    A dead letter that has changed meanwhile is left unchanged. After an error, deciding again continues with the rest.
    Without `waits_for_end`, the request waits at most WAIT_S and a longer decision continues in the background.
    """

    async def decide(decision: BulkDecision) -> None:
        wanted = chosen if chosen is not None else await _listed(context, reason)
        decision.total = len(wanted)
        await _decide(context, verb, wanted, decision)

    decision = BulkDecision(what=verb, by=PRINCIPAL.get().name)
    return await context.bulk_decisions.run(decision, decide, wait_s=None if waits_for_end else WAIT_S)


async def _listed(context: ConsoleContext, reason: str | None) -> Chosen:
    letters = await context.dead_letters.refresh(is_whole=True)
    return {letter.id: letter.dead_since_ms for letter in letters if reason in (None, letter.reason)}


async def _decide(context: ConsoleContext, verb: Verb, wanted: Chosen, decision: BulkDecision) -> None:
    act: Callable[[Ledger, DeadLetter, int], Awaitable[str]] = replay_letter if verb == "replay" else discard_letter
    decided: list[DeadLetter] = []
    try:
        async for letter in _letters(context.ledger, wanted):
            answer = await act(context.ledger, letter, context.clock.now_ms()) if letter else "gone"
            decision.done[answer] += 1
            if letter and answer != "gone":
                decided.append(letter)
    finally:
        # Also record the dead letters that were decided before an error, such as a store outage, ended the loop.
        if decided:
            after = ", ".join(f"{number} {answer}" for answer, number in sorted(decision.done.items()))
            await record_action(context, verb, [letter.id for letter in decided], before=_before(decided), after=after)


async def _letters(ledger: Ledger, wanted: Chosen) -> AsyncIterator[DeadLetter | None]:
    """Yield the wanted dead letters; None for one that is not a dead letter any more, or became one again since."""
    ids = [*wanted]
    for first in range(0, len(ids), PAGE):
        page = [DeliveryId(id) for id in ids[first : first + PAGE]]
        found = await ledger.dead_letters.of(page)
        for id in page:
            letter = found.get(id)
            yield letter if letter and wanted[id] in (None, letter.dead_since_ms) else None


def _before(letters: Sequence[DeadLetter]) -> str:
    reasons = list(dict.fromkeys(letter.reason for letter in letters))
    more = len(reasons) - REASONS_MAX
    return f"dead letter: {'; '.join(reasons[:REASONS_MAX])}" + (f"; {more} other reasons" if more > 0 else "")
