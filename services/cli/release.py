"""`advent release ADDRESS`"""

from __future__ import annotations

import click

from common.domain.ids import normal_address
from services.cli.arguments import address
from services.cli.shared import now_ms, user_name, with_ledger


@click.command()
@click.argument("email", metavar="ADDRESS", callback=address)
def command(email: str) -> None:
    """
    Send again to an address that is resting because its mailbox took none of several mails in a row.

    What waited for it goes on within ten minutes, in its order; a reminder whose call has begun is skipped.
    """
    who = normal_address(email)
    done = with_ledger(
        lambda ledger: ledger.suppressions.release(who, detail=f"resting, by {user_name()}", now_ms=now_ms())
    )
    click.echo(f"{who} receives mail again" if done else f"{who} was not resting")
