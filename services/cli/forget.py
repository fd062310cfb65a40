"""`advent forget EMAIL`"""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from common.domain.ids import booking_of, normal_address
from common.domain.projection import page_url
from services.cli.arguments import address
from services.cli.contact import no_mail_since
from services.cli.shared import json_option, now_ms, print_json, record_action, with_ledger, with_world
from services.cli.suppress import warn_unchanged_list

if TYPE_CHECKING:
    from actors.suppression_list import ListNotChanged
    from common.domain.suppression import Suppression
    from common.ledger.contacts import Traces
    from common.ledger.ledger import Ledger
    from common.world import World

REPEAT_EACH = "repeat the command later, for each spelling of the address"


@click.command()
@click.argument("email", callback=address)
@click.option("--dry-run", is_flag=True, help="Only show what is stored about the person.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@json_option
def command(email: str, dry_run: bool, yes: bool, as_json: bool) -> None:
    """
    Erase a person from the store, in every campaign: enrollment, timeline, calls, and all mails that wait or failed.

    Two things remain, so that the address never receives mail again: a hash of it, made with SECRET_KEY, and an entry
    in Resend's suppression list, which this command adds except in TESTING_MODE. Other data at Notion, Resend and
    Cal.com is not touched; the command prints what to erase there. It asks for confirmation. If nothing is stored about
    the address, it is suppressed only with --yes. Safe while workers run, and safe to repeat.
    """
    who = normal_address(email)
    traces, suppressed = with_ledger(lambda ledger: _find(ledger, who))
    if not as_json:
        _print(traces, suppressed)
    done = not dry_run and (yes or (traces.is_known and _confirmed(who)))
    if done:
        traces = with_ledger(lambda ledger: _forget(ledger, who))
    unchanged = with_world(lambda world: _list_at_resend(world, traces)) if done else None
    _warn(unchanged)
    set_aside = _set_aside_file()
    if as_json:
        print_json(
            {
                **_figures(traces),
                "suppressed": asdict(suppressed) if suppressed else None,
                "set_aside": set_aside,
                "forgotten": done,
                "listed_at_resend": done and unchanged is None,
            }
        )
        return
    if done:
        click.secho("forgotten; the address never receives mail again", fg="green")
        _print_what_stays(traces)
    if set_aside:
        click.echo(
            f"  {set_aside} holds events that could not be stored; check whether one is theirs, and delete its line"
        )


def _confirmed(address: str) -> bool:
    if not sys.stdin.isatty():
        raise click.UsageError(
            "there is no terminal to confirm on: give --yes, or --dry-run to see what would be erased"
        )
    return click.confirm(f"Erase {address}? It cannot be undone", err=True)


async def _find(ledger: Ledger, address: str) -> tuple[Traces, Suppression | None]:
    await _refuse_another_key(ledger)
    return await ledger.contacts.find_traces(address), await ledger.suppressions.of(address)


async def _forget(ledger: Ledger, address: str) -> Traces:
    traces = await ledger.contacts.forget_address(address, now_ms=now_ms())
    await record_action(ledger, "forget", traces.owners, after="erased and suppressed")
    return traces


async def _list_at_resend(world: World, traces: Traces) -> ListNotChanged | None:
    from actors.suppression_list import LISTED, list_at_resend

    unchanged = await list_at_resend(world, traces.spellings)
    await record_action(
        world.ledger, "forget", traces.owners, after=unchanged.sentence(REPEAT_EACH) if unchanged else LISTED
    )
    return unchanged


def _warn(unchanged: ListNotChanged | None) -> None:
    """Warn, and name the spellings that Resend's list lacks, because the store does not know them any more."""
    warn_unchanged_list(unchanged, then=REPEAT_EACH)
    for spelling in unchanged.left if unchanged else ():
        click.echo(f"  not on Resend's list: {spelling}", err=True)


async def _refuse_another_key(ledger: Ledger) -> None:
    """Raise SettingsError if the store has another key: a hash made with this one would suppress nobody."""
    from common.settings.settings import SettingsError
    from common.store.identity import SECRET_KEY_MISMATCH, secret_key_differs
    from services.cli.shared import settings_with_store

    if await secret_key_differs(ledger.client, settings_with_store().secret):
        raise SettingsError([SECRET_KEY_MISMATCH])


def _figures(traces: Traces) -> dict[str, Any]:
    known = asdict(traces)
    return {
        "email": traces.address,
        "enrollments": known["enrolled"],
        "refused_signups": traces.refused,
        "calls": len(traces.bookings) + len(traces.seats),
        "calls_of_others": len({booking for booking, *_ in traces.events} - set(map(booking_of, traces.seats))),
        "unread_bookings": len(traces.unread),
        "mails_waiting": known["waiting"],
        "notion_pages": [page_url(page) for page in traces.pages],
    }


def _print(traces: Traces, suppressed: Suppression | None) -> None:
    figures = _figures(traces)
    if suppressed is not None:
        click.echo(f"{traces.address} {no_mail_since(asdict(suppressed))}")
    if not traces.is_known:
        click.echo(f"{traces.address}: nothing is stored about this address")
        return
    refused = f"{_count(traces.refused, 'refused signup')}, " if traces.refused else ""
    click.echo(
        f"{traces.address}: {_count(traces.enrolled, 'enrollment')}, {refused}{_count(figures['calls'], 'call')},"
        f" {traces.waiting} of their mails are waiting or failed"
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


def _print_what_stays(traces: Traces) -> None:
    from common.ledger.contacts import NOT_ERASED

    for page in traces.pages:
        click.echo(f"  delete in Notion: {page_url(page)}")
    click.echo(f"  not erased: {NOT_ERASED}")


def _set_aside_file() -> str | None:
    """Return the file of events that a gateway could not store, if any. A person has to see whom they are about."""
    from services.cli.shared import command_settings
    from services.gateway.spool.spool_directory import SET_ASIDE

    file = command_settings().data_dir / "spool" / SET_ASIDE
    # `os.path.exists` returns False where it has no permission; `Path.exists` raises.
    return str(file) if os.path.exists(file) else None
