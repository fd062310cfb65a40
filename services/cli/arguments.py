"""E-mail addresses as arguments: an invalid one is wrong use, reported before the store is opened."""

from __future__ import annotations

import re

import click

from common.normalization.address import AddressError, repaired_address

_LIKELY = re.compile(r"[^@\s<>,;]+@[^@\s<>,;]+")


def address(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """
    For `callback=`: trimmed, otherwise as typed; in its stored form when it has characters outside ASCII.

    The gateway checks new addresses more strictly.
    """
    if value is None:
        return None
    text = _stored_form(value.strip())
    if not _LIKELY.fullmatch(text):
        raise click.BadParameter(f"{text!r} is not an e-mail address; give one like ada@example.com", ctx, param)
    return text


def address_or_words(ctx: click.Context, param: click.Parameter, value: str) -> str:
    """An address as `address` takes it; any other text trimmed."""
    return value.strip() if value.strip() and "@" not in value else str(address(ctx, param, value))


def addresses(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[str | None, ...]:
    """Likewise for several."""
    return tuple(address(ctx, param, value) for value in values)


def _stored_form(text: str) -> str:
    """An international domain is stored as `xn--…`; an invisible character may come along with copying."""
    try:
        return text if text.isascii() else repaired_address(text)
    except AddressError:
        return text
