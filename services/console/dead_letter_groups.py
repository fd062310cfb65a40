"""Dead letters of one reason, decided together: replayed or discarded, some of them or all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from common.domain.replay import Way, way_at_once
from common.ledger.dead_letters import DeadLetter
from common.ledger.ledger import Ledger
from services.console.acting import record_action
from services.console.context import ConsoleContext

READ_MAX: Final = 2_000
"""More are shown and decided after these."""
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
    context: ConsoleContext, verb: Verb, *, reason: str | None = None, ids: Collection[str] | None = None
) -> Counter[str]:
    """
    Those of one reason, those of these ids, or all: how many were `replayed`, `asked`, `discarded`, or `gone`.

    What fails or changes meanwhile is left as it is; a second click goes on with what is left.
    """
    act: Callable[[Ledger, DeadLetter, int], Awaitable[str]] = replay_letter if verb == "replay" else discard_letter
    letters = [
        letter
        for letter in await read_letters(context.ledger)
        if reason in (None, letter.reason) and (ids is None or letter.id in ids)
    ]
    done: Counter[str] = Counter()
    decided = []
    for letter in letters:
        answer = await act(context.ledger, letter, context.clock.now_ms())
        done[answer] += 1
        if answer != "gone":
            decided.append(letter.id)
    if decided:
        after = ", ".join(f"{number} {answer}" for answer, number in sorted(done.items()))
        await record_action(context, verb, decided, before=f"dead letter: {letters[0].reason}", after=after)
    return done
