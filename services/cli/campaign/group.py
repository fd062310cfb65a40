"""`advent campaign …`: a file for each subcommand, imported only when it runs."""

from __future__ import annotations

import importlib

import click

SUBCOMMANDS = {
    "plan": "Show what the files on disk would change, and for how many people.",
    "apply": "Put the files on disk in force, for all processes at once.",
    "rollback": "Put the version before in force again.",
}


class Subcommands(click.Group):
    """Lists its commands with one line each without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(SUBCOMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in SUBCOMMANDS:
            return None
        module = importlib.import_module(f"services.cli.campaign.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        command.short_help = SUBCOMMANDS[cmd_name]
        return command


@click.command(cls=Subcommands)
def command() -> None:
    """Write campaigns, look at what a change does to the people under way, and put it in force."""
