"""`advent worker`"""

from __future__ import annotations

import click

from services.cli.shared import settings_with_store


@click.command()
def command() -> int:
    """
    Process due jobs until SIGTERM; then finish the jobs in flight and exit within 30 s.

    Without REDIS_URL it uses the store of a running `advent up` in DATA_DIR. Run as many as you like: if
    WORKER_METRICS_PORT is taken, a worker uses any free port and logs which.
    """
    from services.cli.process import run_one_worker

    return run_one_worker(settings_with_store(own=("metrics_host", "worker_metrics_port"), process="worker"))
