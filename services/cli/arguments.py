"""E-mail addresses as arguments: an invalid one is wrong use, reported before the store is opened."""

from __future__ import annotations

import re

import click

_LIKELY = re.compile(r"[^@\s<>,;]+@[^@\s<>,;]+")


def address(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """For `callback=`: trimmed, otherwise as typed. The gateway checks new addresses more strictly."""
    if value is None:
        return None
    text = value.strip()
    if not _LIKELY.fullmatch(text):
        raise click.BadParameter(f"{text!r} is not an e-mail address; give one like ada@example.com", ctx, param)
    return text
