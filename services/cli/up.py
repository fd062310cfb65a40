"""`advent up`"""

from __future__ import annotations

import click

from common.settings.load import load_settings


@click.command()
def command() -> int:
    """
    Run data store, gateway, worker and console under one supervisor, and the sandbox for providers without a key.

    It enrolls nobody; `advent try` in another terminal does. Ctrl-C stops everything and loses nothing.
    """
    from services.supervisor.up import up

    return up(load_settings())
