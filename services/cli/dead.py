"""`advent dead list`, `replay`, `discard`"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from common.domain.ids import DeliveryId
from services.cli.error_lines import CommandFailed
from services.cli.shared import (
    clock_time,
    json_option,
    now_ms,
    print_json,
    print_table,
    record_action,
    with_ledger,
    with_world,
)

if TYPE_CHECKING:
    from actors.dead_letters import Plan
    from common.ledger.dead_letters import DeadLetter
    from common.ledger.ledger import Ledger
    from common.world import World


@click.group()
def command() -> None:
    """List, replay or discard failed deliveries. Does not ask for confirmation; --dry-run shows what would be done."""


@command.command("list")
@json_option
def list_command(as_json: bool) -> None:
    """Show every dead letter with its reason, oldest first."""
    letters = with_ledger(_all)
    if as_json:
        print_json([_letter_fields(letter) for letter in letters])
    elif not letters:
        click.echo("No dead letters.")
    else:
        rows = [
            (
                letter.id,
                letter.address,
                clock_time(letter.dead_since_ms),
                letter.attempts,
                letter.reason + (" (it may have been accepted)" if letter.outcome_unknown else ""),
            )
            for letter in letters
        ]
        print_table(["delivery", "address", "since (UTC)", "#tries", "reason"], rows)


@command.command("replay")
@click.argument("delivery", required=False, metavar="[ID]")
@click.option("--all", "everything", is_flag=True, help="Replay every dead letter.")
@click.option("--dry-run", is_flag=True, help="Show what would be done with each, and change nothing.")
@json_option
def replay_command(delivery: str | None, everything: bool, dry_run: bool, as_json: bool) -> int:
    """
    Schedule dead letters again, due at once. Nobody receives a mail twice.

    A mail that was certainly never accepted is rendered again. A mail that may have been accepted is sent again with
    the same bytes and the same idempotency key while the provider remembers the key. After 23 hours, and for an SMS at
    once, the provider's list is searched, and the message is sent again only if it is not there. If the list gives no
    clear answer, it stays a dead letter, and the exit status is 1.
    """
    if (delivery is None) is not everything:
        raise click.UsageError("Give one ID, or --all.")
    outcomes = with_world(lambda world: _replay(world, delivery, dry_run=dry_run))
    if as_json:
        print_json(_outcome_fields(outcomes, dry_run=dry_run))
    else:
        for plan, done in outcomes:
            click.echo(_line(plan, done, dry_run=dry_run))
        if not outcomes:
            click.echo("No dead letters.")
    return 0 if all(done for _, done in outcomes) else 1


@command.command("discard")
@click.argument("delivery", metavar="ID")
@click.option("--dry-run", is_flag=True, help="Show what would be discarded, and change nothing.")
def discard_command(delivery: str, dry_run: bool) -> None:
    """Discard a dead letter permanently."""
    letter = with_ledger(lambda ledger: _discard(ledger, delivery, dry_run=dry_run))
    click.echo(f"{'would discard' if dry_run else 'discarded'} {letter.id}: {letter.reason}")


async def _all(ledger: Ledger) -> list[DeadLetter]:
    return [letter async for letter in ledger.dead_letters.all()]


async def _one(ledger: Ledger, delivery: str) -> DeadLetter:
    letter = await ledger.dead_letters.get(DeliveryId(delivery))
    if letter is None:
        raise CommandFailed(f"{delivery} is not a dead letter; `advent dead list` shows them")
    return letter


async def _replay(world: World, delivery: str | None, *, dry_run: bool) -> list[tuple[Plan, bool]]:
    """Return the plan for each dead letter, and whether it was carried out (in a dry run: would be)."""
    from actors.dead_letters import Way, plan, replay

    letters = [await _one(world.ledger, delivery)] if delivery is not None else await _all(world.ledger)
    outcomes = []
    for letter in letters:
        planned = await plan(world, letter)
        done = planned.way is not Way.REFUSED if dry_run else await replay(world, planned)
        outcomes.append((planned, done))
        if done and not dry_run:
            before = f"dead letter: {letter.reason}"
            await record_action(world.ledger, "replay", [letter.id], before=before, after=planned.way.name.lower())
    return outcomes


def _line(planned: Plan, done: bool, *, dry_run: bool) -> str:
    """Return a line such as `replayed enr_…/step-3: validation_error`."""
    from actors.dead_letters import Way

    letter = planned.letter
    if planned.way is Way.REFUSED:
        return f"not replayed {letter.id}: {planned.why}"
    if not done:
        return f"not replayed {letter.id}: it was replayed or discarded a moment ago"
    way = "" if planned.way is Way.RENDERED and not dry_run else f" ({planned.way})"
    return f"{'would replay' if dry_run else 'replayed'} {letter.id}: {letter.reason}{way}"


def _outcome_fields(outcomes: list[tuple[Plan, bool]], *, dry_run: bool) -> dict[str, Any]:
    return {
        "dry_run": dry_run,
        "replayed": [planned.letter.id for planned, done in outcomes if done],
        "letters": [
            {
                "id": planned.letter.id,
                "way": planned.way.name.lower(),
                "done": done and not dry_run,
                "why": planned.why or planned.letter.reason,
            }
            for planned, done in outcomes
        ],
    }


async def _discard(ledger: Ledger, delivery: str, *, dry_run: bool) -> DeadLetter:
    letter = await _one(ledger, delivery)
    if dry_run:
        return letter
    if not await ledger.dead_letters.discard(letter.id, dead_since_ms=letter.dead_since_ms, now_ms=now_ms()):
        raise CommandFailed(f"{letter.id} was replayed or discarded a moment ago")
    before = f"dead letter: {letter.reason}"
    await record_action(ledger, "discard", [letter.id], before=before, after="discarded")
    return letter


def _letter_fields(letter: DeadLetter) -> dict[str, Any]:
    return {
        "id": letter.id,
        "email": letter.address,
        "name": letter.delivery.short_name,
        "step": letter.delivery.step,
        "buried_ms": letter.dead_since_ms,
        "reason": letter.reason,
        "attempts": letter.attempts,
        "may_have_been_accepted": letter.outcome_unknown,
    }
