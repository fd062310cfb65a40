"""`advent sandbox`"""

from __future__ import annotations

import click

from services.cli.shared import process_settings


@click.command()
def command() -> int:
    """
    Imitate Resend, Notion, Cal.com and Twilio on SANDBOX_PORT until SIGTERM, with pages that show what they received.

    It stores its data in DATA_DIR.
    """
    from services.cli.process import run_sandbox

    return run_sandbox(process_settings(own=("sandbox_host", "sandbox_port"), process="sandbox"))
