"""`advent gateway`"""

from __future__ import annotations

import click

from services.cli.shared import settings_with_store


@click.command()
def command() -> int:
    """
    Receive webhooks until SIGTERM; then answer the requests in flight and exit within 30 s.

    Without REDIS_URL it uses the store of a running `advent up` in DATA_DIR. While the store is away, events are
    accepted as usual and stored on disk in DATA_DIR.
    """
    from services.cli.process import run_gateway

    return run_gateway(settings_with_store(own=("gateway_host", "gateway_port"), process="gateway"))
