"""`advent bookings`"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from services.cli.shared import clock_time, json_option, now_ms, print_json, print_table, record_action, with_ledger

if TYPE_CHECKING:
    from common.ledger.ledger import Ledger
    from common.ledger.unmarked_calls import Mark, UnmarkedCall
    from common.ledger.unread_bookings import UnreadBookingEvent

MARKS = ("completed", "no-show")


@click.group()
def command() -> None:
    """Settle what a person has to decide about bookings: events that could not be read, calls without an outcome."""


@command.command()
@json_option
def unread(as_json: bool) -> None:
    """
    List the booking events that could not be read, oldest first; --json prints their full bodies.

    Find the booking at Cal.com, correct it there, and discard the event here. The new events from Cal.com and the
    hourly comparison of bookings then bring the ledger up to date.
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
@click.option("--all", "all_of_them", is_flag=True, help="Discard all events that are listed now.")
def discard(ids: tuple[str, ...], all_of_them: bool) -> None:
    """Delete unread booking events that you have dealt with."""
    if bool(ids) == all_of_them:
        raise click.UsageError("name the ids that `advent bookings unread` lists, or --all")
    number = with_ledger(lambda ledger: _discard(ledger, ids))
    click.echo(f"discarded {number} booking event{'' if number == 1 else 's'}")


@command.command()
@json_option
def unmarked(as_json: bool) -> None:
    """List calls that have ended and whose outcome nobody has reported, oldest first. They get no follow-up."""
    calls = with_ledger(lambda ledger: ledger.unmarked_calls.read_all())
    if as_json:
        print_json([_as_json(call) for call in calls])
        return
    if not calls:
        click.echo("the outcome of every ended call was reported")
        return
    rows = [(one.id, clock_time(one.end_ms), one.booking.email or "address unknown") for one in calls]
    print_table(["id", "ended (UTC)", "guest"], rows)


@command.command()
@click.argument("mark", type=click.Choice(MARKS))
@click.argument("ids", nargs=-1, required=True, metavar="ID…")
def mark(mark: Mark, ids: tuple[str, ...]) -> None:
    """
    Report how unmarked calls went.

    no-show: the guest was absent; the follow-up for missed calls is sent as if Cal.com had reported it now. completed:
    the call took place; no thank-you mail is sent, because it would be too late.
    """
    number = with_ledger(lambda ledger: _mark(ledger, mark, ids))
    click.echo(f"marked {number} call{'' if number == 1 else 's'} as {mark}")
    if before := len(set(ids)) - number:
        click.echo(f"left {before} unchanged: already marked")


async def _mark(ledger: Ledger, mark: Mark, ids: tuple[str, ...]) -> int:
    """Mark calls. Return how many were unmarked. Raises UsageError, before any change, for an id that is not listed."""
    calls = {str(call.id): call for call in await ledger.unmarked_calls.read_all()}
    if unknown := [id for id in ids if id not in calls]:
        raise click.UsageError(f"{', '.join(unknown)}: not among what `advent bookings unmarked` lists")
    given = [calls[id] for id in dict.fromkeys(ids)]
    marked: list[str] = []
    try:
        for one in given:
            if await ledger.unmarked_calls.mark(one, mark, now_ms=now_ms()):
                marked.append(one.contact)
    finally:
        # Also for calls that were marked before the store went away.
        if marked:
            await record_action(ledger, "bookings mark", marked, before="unmarked", after=mark)
    return len(marked)


def _as_json(call: UnmarkedCall) -> dict[str, object]:
    return {"id": call.id, "uid": call.booking.uid, "email": call.booking.email, "ended_ms": call.end_ms}


async def _discard(ledger: Ledger, ids: tuple[str, ...]) -> int:
    named = ids or tuple(event.id for event in await ledger.unread_bookings.read_all())
    if discarded := await ledger.unread_bookings.discard(named):
        await record_action(ledger, "bookings discard", discarded, before="unread", after="discarded")
    return len(discarded)


def _row(event: UnreadBookingEvent) -> tuple[str, str, str, str]:
    return event.id, clock_time(event.received_ms), event.reason, " ".join(event.raw.split())[:200]
