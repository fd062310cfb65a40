"""`advent sign`"""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from services.cli.shared import now_ms, settings_as_they_are
from services.cli.signing import PATHS, headers_for


@click.command()
@click.argument("kind", type=click.Choice(list(PATHS)))
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def command(kind: str, file: Path) -> None:
    """
    Print the curl command that posts FILE to the gateway, signed as the website, Cal.com or Resend would.

    Paste it, or pipe it into sh. Signatures of `signup` and `resend` are good for five minutes.
    """
    from services.supervisor.house import running_in

    settings = settings_as_they_are()
    running = running_in(settings)
    base = running.gateway_url if running else settings.gateway_url
    headers = headers_for(kind, file.read_bytes(), settings, now_s=now_ms() // 1000)
    parts = [
        "curl --silent --show-error --include",
        *(f"--header {shlex.quote(f'{k}: {v}')}" for k, v in headers.items()),
    ]
    parts += [f"--data-binary {shlex.quote(f'@{file}')}", shlex.quote(f"{base}{PATHS[kind]}")]
    click.echo(" \\\n  ".join(parts))
