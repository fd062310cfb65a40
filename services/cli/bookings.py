"""`advent bookings`"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from services.cli.shared import clock_time, json_option, print_json, print_table, record_action, with_ledger

if TYPE_CHECKING:
    from common.ledger.ledger import Ledger
    from common.ledger.unread_bookings import UnreadBookingEvent


@click.group()
def command() -> None:
    """Booking events of Cal.com that could not be read. Cal.com does not send them again."""


@command.command()
@json_option
def unread(as_json: bool) -> None:
    """
    List them, oldest first; --json gives their bodies in full.

    Look the booking up at Cal.com, set right there what is wrong, and discard the event here. What Cal.com then sends,
    and the hourly comparison of bookings, do the rest.
    """
    events = with_ledger(lambda ledger: ledger.unread_bookings.read_all())
    if as_json:
        print_json([asdict(event) for event in events])
        return
    if not events:
        click.echo("no booking event waits to be read")
        return
    print_table(["id", "received (UTC)", "what is wrong", "body"], list(map(_row, events)))


@command.command()
@click.argument("ids", nargs=-1, metavar="ID…")
@click.option("--all", "all_of_them", is_flag=True, help="Discard all that are listed now.")
def discard(ids: tuple[str, ...], all_of_them: bool) -> None:
    """Delete events that a person has dealt with."""
    if bool(ids) == all_of_them:
        raise click.UsageError("name the ids that `advent bookings unread` lists, or --all")
    number = with_ledger(lambda ledger: _discard(ledger, ids))
    click.echo(f"discarded {number} booking event{'' if number == 1 else 's'}")


async def _discard(ledger: Ledger, ids: tuple[str, ...]) -> int:
    named = ids or tuple(event.id for event in await ledger.unread_bookings.read_all())
    if number := await ledger.unread_bookings.discard(named):
        await record_action(ledger, "bookings discard", named, before="unread", after="discarded")
    return number


def _row(event: UnreadBookingEvent) -> tuple[str, str, str, str]:
    return event.id, clock_time(event.received_ms), event.reason, " ".join(event.raw.split())[:200]
