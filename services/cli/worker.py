"""`advent worker`"""

from __future__ import annotations

import click

from services.cli.shared import settings_with_store


@click.command()
def command() -> int:
    """
    Do what is due, until SIGTERM; then finish what is in hand and end within 30 s.

    Without REDIS_URL it uses the store of a running `advent up` in DATA_DIR. Run as many as you like: where
    WORKER_METRICS_PORT is taken already, a worker answers on any free port and says on which.
    """
    from services.cli.process import run_one_worker

    return run_one_worker(settings_with_store(own=("metrics_host", "worker_metrics_port")))
