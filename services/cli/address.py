"""An e-mail address as an argument: what can be none is wrong use, before anything is asked of the store."""

from __future__ import annotations

import re

import click

_LIKELY = re.compile(r"[^@\s<>,;]+@[^@\s<>,;]+")


def address(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """For `callback=`: trimmed, in the person's own spelling. The gateway judges a new one more strictly."""
    if value is None:
        return None
    text = value.strip()
    if not _LIKELY.fullmatch(text):
        raise click.BadParameter(f"{text!r} is no e-mail address; give one like ada@example.com", ctx, param)
    return text
