"""`advent forget EMAIL`"""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from common.domain.ids import booking_of, normal_address
from services.cli.address import address
from services.cli.shared import json_option, now_ms, print_json, with_ledger

if TYPE_CHECKING:
    from common.ledger.contacts import Traces
    from common.ledger.ledger import Ledger


@click.command()
@click.argument("email", callback=address)
@click.option("--dry-run", is_flag=True, help="Only say what is known of them.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def command(email: str, dry_run: bool, yes: bool, as_json: bool) -> None:
    """
    Erase a person from the store, in every campaign: enrollment, timeline, calls, and all mails that wait or failed.

    What stays is a mark of the address, made with SECRET_KEY, by which they are never written to again. What Notion,
    Resend and Cal.com hold is not touched: it is said what to erase there. It asks first; of an address of which
    nothing is known it keeps the mark only with --yes. Safe beside workers, and to repeat.
    """
    who = normal_address(email)
    traces = with_ledger(lambda ledger: _look(ledger, who))
    if not as_json:
        _tell(traces)
    done = not dry_run and (yes or (_is_known(traces) and _agreed(who)))
    if done:
        traces = with_ledger(lambda ledger: _forget(ledger, who))
    set_aside = _set_aside()
    if as_json:
        print_json({**_figures(traces), "set_aside": set_aside, "forgotten": done})
        return
    if done:
        click.secho("forgotten; the address is never written to again", fg="green")
        _tell_what_stays(traces)
    if set_aside:
        click.echo(f"  {set_aside} keeps what no store would take; look whether it is theirs, and delete the line")


def _agreed(address: str) -> bool:
    if not sys.stdin.isatty():
        raise click.UsageError("nobody can be asked here: say --yes, or --dry-run to see what would go")
    return click.confirm(f"Erase {address}? It cannot be undone", err=True)


async def _look(ledger: Ledger, address: str) -> Traces:
    await _refuse_another_key(ledger)
    return await ledger.contacts.traces(address)


async def _forget(ledger: Ledger, address: str) -> Traces:
    """Again until nothing more is found: an event may have come between the look and the erasure."""
    first = traces = await ledger.contacts.traces(address)
    for _ in range(3):
        await ledger.contacts.forget(traces, now_ms=now_ms())
        traces = await ledger.contacts.traces(address)
        if not _is_known(traces):
            break
    return first


async def _refuse_another_key(ledger: Ledger) -> None:
    """The address hash that stays would be of no use."""
    from common.settings.settings import SettingsError
    from common.store.secret_key import ANOTHER, is_another
    from services.cli.shared import settings_with_store

    if await is_another(ledger.client, settings_with_store().secret):
        raise SettingsError([ANOTHER])


def _figures(traces: Traces) -> dict[str, Any]:
    known = asdict(traces)
    return {
        "email": traces.address,
        "enrollments": known["enrolled"],
        "calls": len(traces.bookings) + len(traces.seats),
        "calls_of_others": len({booking for booking, *_ in traces.events} - set(map(booking_of, traces.seats))),
        "unread_bookings": len(traces.unread),
        "mails_waiting": known["waiting"],
        "notion_pages": [_page_url(page) for page in traces.pages],
    }


def _is_known(traces: Traces) -> bool:
    return bool(traces.enrolled or traces.bookings or traces.seats or traces.events or traces.unread)


def _tell(traces: Traces) -> None:
    figures = _figures(traces)
    if not _is_known(traces):
        click.echo(f"{traces.address}: nothing is known of this address here")
        return
    click.echo(
        f"{traces.address}: {_some(figures['enrollments'], 'enrollment')}, {_some(figures['calls'], 'call')},"
        f" {figures['mails_waiting']} of their mails wait or failed"
    )


def _some(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


def _tell_what_stays(traces: Traces) -> None:
    for page in traces.pages:
        click.echo(f"  delete in Notion: {_page_url(page)}")
    click.echo(
        "  not erased: their rows in Notion, the mails that Resend lists, a call at Cal.com (cancel it there),"
        " backups of the store, and what waits in the spool of a gateway"
    )


def _set_aside() -> str | None:
    """What a gateway here had to set aside. Its lines may be damaged: a person has to tell whose they are."""
    from services.cli.shared import settings_given
    from services.gateway.spool.spool_directory import SET_ASIDE

    file = settings_given().data_dir / "spool" / SET_ASIDE
    # Of `os.path`: it says no where it may not look, and raises nothing.
    return str(file) if os.path.exists(file) else None


def _page_url(page: str) -> str:
    """Notion finds a page by its id alone."""
    return f"https://www.notion.so/{page.replace('-', '')}"
