"""Dead letters of one reason, decided together: replayed or discarded, some of them or all."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from common.domain.ids import DeliveryId
from common.domain.replay import Way, way_at_once
from common.ledger.dead_letters import DeadLetter
from common.ledger.ledger import Ledger
from services.console.acting import record_action
from services.console.context import ConsoleContext

READ_MAX: Final = 2_000
"""More are shown and decided after these."""
REASONS_MAX: Final = 20
"""In one line of the action log."""
Verb = Literal["replay", "discard"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """`anew`, `same`, `asked`: how many a replay renders again, sends under the same key, or must ask Resend about."""

    reason: str
    number: int
    anew: int
    same: int
    asked: int

    @property
    def replay_effect(self) -> str:
        parts = [
            (self.anew, "rendered again and sent at once: Resend certainly never had them"),
            (self.same, "sent again as the same bytes under the same key: Resend sends none twice"),
            (
                self.asked,
                "looked for in Resend's list by a worker, and sent only if they certainly are not there",
            ),
        ]
        return "; ".join(f"{number:,} {what}" for number, what in parts if number)


async def read_letters(ledger: Ledger) -> list[DeadLetter]:
    """The newest READ_MAX."""
    return list(await ledger.dead_letters.newest(first=0, number=READ_MAX))


def groups_of(letters: Sequence[DeadLetter], *, now_ms: int) -> list[Group]:
    """The largest first."""
    ways: dict[str, Counter[Way | None]] = {}
    for letter in letters:
        ways.setdefault(letter.reason, Counter())[way_of(letter, now_ms=now_ms)] += 1
    found = [
        Group(reason=reason, number=each.total(), anew=each[Way.RENDERED], same=each[Way.SAME], asked=each[None])
        for reason, each in ways.items()
    ]
    return sorted(found, key=lambda group: (-group.number, group.reason))


def way_of(letter: DeadLetter, *, now_ms: int) -> Way | None:
    """How a replay would be done; None when a worker must first ask Resend whether it accepted the mail."""
    return way_at_once(
        outcome_unknown=letter.outcome_unknown,
        first_ms=letter.first_attempt_ms,
        now_ms=now_ms,
        remembered_ms=letter.delivery.channel.key_remembered_ms,
    )


async def replay_letter(ledger: Ledger, letter: DeadLetter, now_ms: int) -> Literal["replayed", "asked", "gone"]:
    """At once; where Resend must be asked first, a worker does that in a moment."""
    way, dead_since_ms = way_of(letter, now_ms=now_ms), letter.dead_since_ms
    if way is None:
        asked = await ledger.dead_letters.request_replay(letter.id, dead_since_ms=dead_since_ms, now_ms=now_ms)
        return "asked" if asked else "gone"
    how: Literal["fresh", "same"] = "fresh" if way is Way.RENDERED else "same"
    done = await ledger.dead_letters.replay(letter.id, way=how, now_ms=now_ms, dead_since_ms=dead_since_ms)
    return "replayed" if done else "gone"


async def discard_letter(ledger: Ledger, letter: DeadLetter, now_ms: int) -> Literal["discarded", "gone"]:
    return "discarded" if await ledger.dead_letters.discard(letter.id, now_ms=now_ms) else "gone"


async def decide_many(
    context: ConsoleContext, verb: Verb, *, reason: str | None = None, chosen: Mapping[str, int | None] | None = None
) -> Counter[str]:
    """
    Those of one reason, those of `chosen`, or all: how many were `replayed`, `asked`, `discarded`, or `gone`.

    `chosen`: ids, each with the time at which it was a dead letter when somebody chose it; None: whenever that was.
    What fails or changes meanwhile is left as it is; a second click goes on with what is left.
    """
    act: Callable[[Ledger, DeadLetter, int], Awaitable[str]] = replay_letter if verb == "replay" else discard_letter
    done: Counter[str] = Counter()
    decided: list[DeadLetter] = []
    try:
        async for letter in _wanted(context.ledger, reason, chosen):
            answer = await act(context.ledger, letter, context.clock.now_ms()) if letter else "gone"
            done[answer] += 1
            if letter and answer != "gone":
                decided.append(letter)
    finally:
        # Also of those that were decided before the store went away.
        if decided:
            after = ", ".join(f"{number} {answer}" for answer, number in sorted(done.items()))
            await record_action(context, verb, [letter.id for letter in decided], before=_before(decided), after=after)
    return done


async def _wanted(
    ledger: Ledger, reason: str | None, chosen: Mapping[str, int | None] | None
) -> AsyncIterator[DeadLetter | None]:
    """None for a chosen one that is no dead letter any more, or died again since."""
    if chosen is None:
        for letter in await read_letters(ledger):
            if reason in (None, letter.reason):
                yield letter
        return
    for id, dead_since_ms in chosen.items():
        one = await ledger.dead_letters.get(DeliveryId(id))
        yield one if one and dead_since_ms in (None, one.dead_since_ms) else None


def _before(letters: Sequence[DeadLetter]) -> str:
    reasons = list(dict.fromkeys(letter.reason for letter in letters))
    more = len(reasons) - REASONS_MAX
    return f"dead letter: {'; '.join(reasons[:REASONS_MAX])}" + (f"; {more} other reasons" if more > 0 else "")
