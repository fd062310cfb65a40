"""`advent up`"""

from __future__ import annotations

import sys

import click

from common.settings.load import load_settings


@click.command()
@click.option("--logs", is_flag=True, help="Print every log line; by default a terminal shows only mails and warnings.")
def command(logs: bool) -> int:
    """
    Run data store, gateway, worker and console under one supervisor, and the sandbox for providers without a key.

    It signs up nobody; for a sample person run `advent try` in another terminal. Ctrl-C stops everything; nothing is
    lost.
    """
    from common.observability.logs import show_mails_and_warnings
    from services.supervisor.up import up

    settings = load_settings()
    if not logs and sys.stderr.isatty() and settings.log_format is None and settings.log_level == "INFO":
        show_mails_and_warnings()
    return up(settings)
