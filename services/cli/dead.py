"""`advent dead list`, `replay`, `discard`"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from common.domain.ids import DeliveryId
from services.cli.cures import CommandFailed
from services.cli.shared import clock_time, json_option, now_ms, print_json, print_table, with_ledger

if TYPE_CHECKING:
    from common.ledger.answers import DeadLetter
    from common.ledger.ledger import Ledger


@click.group()
def command() -> None:
    """List, replay or discard failed deliveries. Never asks; --dry-run says what would be done."""


@command.command("list")
@json_option
def list_command(as_json: bool) -> None:
    """Show every dead letter with its reason, oldest first."""
    letters = with_ledger(_all)
    if as_json:
        print_json([_figures(letter) for letter in letters])
    elif not letters:
        click.echo("No dead letters.")
    else:
        rows = [
            (
                letter.delivery_id,
                letter.address,
                clock_time(letter.buried_ms),
                letter.attempts,
                letter.reason + (" (it may have been accepted)" if letter.doubt else ""),
            )
            for letter in letters
        ]
        print_table(["delivery", "address", "since (UTC)", "#tries", "reason"], rows)


@command.command("replay")
@click.argument("delivery", required=False, metavar="[ID]")
@click.option("--all", "everything", is_flag=True, help="Replay every dead letter.")
@click.option("--dry-run", is_flag=True, help="Say what would be replayed, and change nothing.")
@json_option
def replay_command(delivery: str | None, everything: bool, dry_run: bool, as_json: bool) -> None:
    """
    Plan dead letters again, due at once.

    One that may have been accepted keeps its key and its bytes, so that the provider can tell; the others are rendered
    anew.
    """
    if (delivery is None) is not everything:
        raise click.UsageError("Name one ID, or --all.")
    letters = with_ledger(lambda ledger: _replay(ledger, delivery, dry_run=dry_run))
    if as_json:
        print_json({"dry_run": dry_run, "replayed": [letter.delivery_id for letter in letters]})
        return
    for letter in letters:
        click.echo(f"{'would replay' if dry_run else 'replayed'} {letter.delivery_id}: {letter.reason}")
    if not letters:
        click.echo("No dead letters.")


@command.command("discard")
@click.argument("delivery", metavar="ID")
@click.option("--dry-run", is_flag=True, help="Say what would be discarded, and change nothing.")
def discard_command(delivery: str, dry_run: bool) -> None:
    """Give a dead letter up for good."""
    letter = with_ledger(lambda ledger: _discard(ledger, delivery, dry_run=dry_run))
    click.echo(f"{'would discard' if dry_run else 'discarded'} {letter.delivery_id}: {letter.reason}")


async def _all(ledger: Ledger) -> list[DeadLetter]:
    from common.ledger.views import dead_letters

    return [letter async for letter in dead_letters(ledger)]


async def _one(ledger: Ledger, delivery: str) -> DeadLetter:
    from common.ledger.views import dead_letter

    letter = await dead_letter(ledger, DeliveryId(delivery))
    if letter is None:
        raise CommandFailed(f"{delivery} is no dead letter; `advent dead list` shows them")
    return letter


async def _replay(ledger: Ledger, delivery: str | None, *, dry_run: bool) -> list[DeadLetter]:
    letters = [await _one(ledger, delivery)] if delivery is not None else await _all(ledger)
    if dry_run:
        return letters
    now = now_ms()
    return [x for x in letters if await ledger.replay(x.delivery_id, now_ms=now, fresh=not x.doubt)]


async def _discard(ledger: Ledger, delivery: str, *, dry_run: bool) -> DeadLetter:
    letter = await _one(ledger, delivery)
    if not dry_run:
        await ledger.discard(letter.delivery_id, now_ms=now_ms())
    return letter


def _figures(letter: DeadLetter) -> dict[str, Any]:
    return {
        "id": letter.delivery_id,
        "email": letter.address,
        "name": letter.name,
        "step": letter.step,
        "buried_ms": letter.buried_ms,
        "reason": letter.reason,
        "attempts": letter.attempts,
        "may_have_been_accepted": letter.doubt,
    }
