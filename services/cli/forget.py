"""`advent forget EMAIL`"""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from common.domain.ids import normal_address
from services.cli.shared import json_option, now_ms, print_json, with_ledger

if TYPE_CHECKING:
    from common.ledger.forget import Traces
    from common.ledger.ledger import Ledger


@click.command()
@click.argument("email")
@click.option("--dry-run", is_flag=True, help="Only say what is known of them.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def command(email: str, dry_run: bool, yes: bool, as_json: bool) -> None:
    """
    Erase a person from the store, in every campaign: enrollment, timeline, calls, and all mails that wait or failed.

    What stays is a mark of the address, made with SECRET_KEY, by which they are never written to again. What Notion,
    Resend and Cal.com hold is not touched: it is said what to erase there. It asks first. Safe beside workers, and to
    repeat.
    """
    address = normal_address(email)
    if "@" not in address:
        raise click.UsageError(f"{email} is no e-mail address")
    traces = with_ledger(lambda ledger: _look(ledger, address))
    if not as_json:
        _tell(traces)
    done = not dry_run and (yes or _agreed(address))
    if done:
        traces = with_ledger(lambda ledger: _forget(ledger, address))
    if as_json:
        print_json({**_figures(traces), "forgotten": done})
    elif done:
        click.secho("forgotten; the address is never written to again", fg="green")
        _tell_what_stays(traces)


def _agreed(address: str) -> bool:
    if not sys.stdin.isatty():
        raise click.UsageError("nobody can be asked here: say --yes, or --dry-run to see what would go")
    return click.confirm(f"Erase {address}? It cannot be undone", err=True)


async def _look(ledger: Ledger, address: str) -> Traces:
    from common.ledger.forget import traces_of

    await _refuse_another_key(ledger)
    return await traces_of(ledger, address)


async def _forget(ledger: Ledger, address: str) -> Traces:
    """Again until nothing more is found: an event may have come between the look and the erasure."""
    from common.ledger.forget import forget, traces_of

    first = traces = await traces_of(ledger, address)
    for _ in range(3):
        await forget(ledger, traces, now_ms=now_ms())
        traces = await traces_of(ledger, address)
        if not (traces.enrolled or traces.bookings or traces.events):
            break
    return first


async def _refuse_another_key(ledger: Ledger) -> None:
    """The mark that stays would be of no use."""
    from common.secret_key import ANOTHER, is_another
    from common.settings import SettingsError
    from services.cli.shared import settings_with_store

    if await is_another(ledger.client, settings_with_store().secret):
        raise SettingsError([ANOTHER])


def _figures(traces: Traces) -> dict[str, Any]:
    known = asdict(traces)
    return {
        "email": traces.address,
        "enrollments": known["enrolled"],
        "calls": len(traces.bookings),
        "calls_of_others": len({booking for booking, _ in traces.events}),
        "mails_waiting": known["waiting"],
        "notion_pages": [_page_url(page) for page in traces.pages],
    }


def _tell(traces: Traces) -> None:
    figures = _figures(traces)
    if not (traces.enrolled or traces.bookings or traces.events):
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


def _page_url(page: str) -> str:
    """Notion finds a page by its id alone."""
    return f"https://www.notion.so/{page.replace('-', '')}"
