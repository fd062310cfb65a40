"""`advent signups held`, `release`, `discard`"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from common.domain.ids import EnrollmentId, normal_address
from common.domain.signup_bounds import LIMIT_TEXTS
from common.formatting import count
from services.cli.arguments import addresses
from services.cli.error_lines import CommandFailed
from services.cli.shared import clock_time, json_option, now_ms, print_json, print_table, record_action, with_ledger

if TYPE_CHECKING:
    from common.ledger.held_signups import HeldSignup
    from common.ledger.ledger import Ledger


def _choice(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the argument and the options that choose held signups."""
    command = click.option("--all", "all_of_them", is_flag=True, help="All signups that are held now.")(command)
    command = click.option("--visitor", metavar="ID", help="Those of one visitor, by the id in `advent signups held`.")(
        command
    )
    return click.argument("emails", nargs=-1, callback=addresses, metavar="EMAIL…")(command)


@click.group()
def command() -> None:
    """Signups that are held because there were more than SIGNUPS_PER_HOUR or SIGNUPS_PER_SOURCE_PER_HOUR allow."""


@command.command()
@click.option("--visitor", metavar="ID", help="Only the signups of one visitor.")
@json_option
def held(visitor: str | None, as_json: bool) -> None:
    """
    List the held signups, oldest first, with the limit that each exceeded.

    The visitor is the id by which the website tells its visitors apart; it is stored for a day.
    """
    signups = with_ledger(lambda ledger: _held(ledger, visitor))
    if as_json:
        print_json([asdict(one) for one in signups])
    elif not signups:
        click.echo("no signup is held")
    else:
        rows = [
            (one.email, one.first_name, clock_time(one.received_ms), LIMIT_TEXTS[one.bound], one.visitor or "")
            for one in signups
        ]
        print_table(["address", "name", "signed up (UTC)", "why", "visitor"], rows)


@command.command()
@_choice
def release(emails: tuple[str, ...], visitor: str | None, all_of_them: bool) -> None:
    """Start the sequences of held signups now. Mail is sent at the provider's rate."""
    number = with_ledger(
        lambda ledger: _decide(
            ledger,
            emails,
            visitor,
            all_of_them,
            done="released",
            decide=lambda ids: ledger.held_signups.release(ids, now_ms=now_ms()),
        )
    )
    click.echo(f"released {count(number, 'signup')}")


@command.command()
@_choice
def discard(emails: tuple[str, ...], visitor: str | None, all_of_them: bool) -> None:
    """Delete held signups, as if nobody had signed up. A later signup of the same person is a new one."""
    number = with_ledger(
        lambda ledger: _decide(
            ledger, emails, visitor, all_of_them, done="discarded", decide=ledger.held_signups.discard
        )
    )
    click.echo(f"discarded {count(number, 'signup')}")


async def _held(ledger: Ledger, visitor: str | None) -> list[HeldSignup]:
    return [one async for one in ledger.held_signups.read_all(visitor=visitor)]


async def _decide(
    ledger: Ledger,
    emails: tuple[str, ...],
    visitor: str | None,
    all_of_them: bool,
    *,
    done: str,
    decide: Callable[[list[EnrollmentId]], Any],
) -> int:
    if (bool(emails), visitor is not None, all_of_them).count(True) != 1:
        raise click.UsageError("give addresses, or --visitor, or --all")
    if emails:
        ids = [id for email in emails for id in await _held_ids(ledger, normal_address(email))]
    else:
        ids = [one.enrollment_id for one in await _held(ledger, visitor)]
    number: int = await decide(ids)
    if number:
        await record_action(ledger, f"signups {done}", ids, before="held", after=f"{number} {done}")
    return number


async def _held_ids(ledger: Ledger, email: str) -> list[EnrollmentId]:
    """Return the ids of one person's held signups, in any campaign. Raises CommandFailed when none is held."""
    found = [id for id in await ledger.mailboxes.all_ids(email) if await ledger.held_signups.is_held(id)]
    if not found:
        raise CommandFailed(f"no signup of {email} is held; `advent signups held` lists them")
    return found
