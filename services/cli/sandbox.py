"""`advent sandbox`"""

from __future__ import annotations

import click

from services.cli.shared import settings_here


@click.command()
def command() -> int:
    """
    Imitate Resend and Notion on SANDBOX_PORT, and show what they were told, until SIGTERM.

    It keeps its data in DATA_DIR.
    """
    from services.cli.process import run_sandbox

    return run_sandbox(settings_here(own=("sandbox_host", "sandbox_port")))
