"""`advent console-user NAME --role read`"""

from __future__ import annotations

import click

from common.settings.console_users import ROLES, Role, new_user
from services.cli.shared import json_option, print_json


@click.command()
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), required=True, help="full: sees and acts. read: only sees.")
@json_option
def command(name: str, role: Role, as_json: bool) -> None:
    """
    Make a token for one user of the console, and print it with the line for CONSOLE_USERS.

    The token is shown once and not stored. Give it to the person, add the line to CONSOLE_USERS and restart the
    console. A user who is removed from CONSOLE_USERS is logged out.
    """
    try:
        user, token = new_user(name, role)
    except ValueError as error:
        raise click.UsageError(f"{name!r}: {error}") from None
    if as_json:
        print_json({"name": user.name, "role": user.role, "token": token, "line": user.line})
        return
    click.echo(f"token, for {user.name} only:   {token}")
    click.echo(f"to add to CONSOLE_USERS:   {user.line}")
