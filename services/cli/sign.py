"""`advent sign`"""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import click

from services.cli.shared import client_settings, now_ms
from services.cli.signing import PATHS, headers_for


@click.command()
@click.argument("kind", type=click.Choice(list(PATHS)))
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def command(kind: str, file: Path) -> None:
    """
    Print the curl command that posts FILE to the gateway, signed as the website, Cal.com or Resend would sign it.

    Paste it, or pipe it into sh. Signatures of `signup` and `resend` are valid for five minutes.
    """
    settings = client_settings()
    body = file.read_bytes()
    if not _is_json(body):
        click.secho(f"advent: {file} is not JSON; the gateway will refuse it", fg="yellow", err=True)
    headers = headers_for(kind, body, settings, now_s=now_ms() // 1000)
    parts = [
        "curl --silent --show-error --include",
        *(f"--header {shlex.quote(f'{k}: {v}')}" for k, v in headers.items()),
    ]
    # After the @, curl reads a dash as standard input.
    name = "./-" if str(file) == "-" else file
    parts += [f"--data-binary {shlex.quote(f'@{name}')}", shlex.quote(f"{settings.gateway_url}{PATHS[kind]}")]
    click.echo(" \\\n  ".join(parts))


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True
