"""`advent console`"""

from __future__ import annotations

import click

from services.cli.shared import settings_with_store


@click.command()
def command() -> int:
    """
    Serve the console on CONSOLE_PORT until SIGTERM: whether all is well, and what to do about dead letters.

    CONSOLE_TOKEN is needed to log in; without one the console serves this machine only. Without REDIS_URL it uses the
    store of a running `advent up` in DATA_DIR.
    """
    from services.cli.process import run_console

    return run_console(settings_with_store(own=("console_host", "console_port"), process="console"))
