"""`advent console`"""

from __future__ import annotations

import click

from services.cli.shared import settings_with_store


@click.command()
def command() -> int:
    """
    Show on CONSOLE_PORT whether all is well, and let dead letters be decided, until SIGTERM.

    With CONSOLE_TOKEN for whoever knows it; without, for this machine only. Without REDIS_URL it looks into the store
    of a running `advent up` in DATA_DIR.
    """
    from services.cli.process import run_console

    return run_console(settings_with_store(own=("console_host", "console_port")))
