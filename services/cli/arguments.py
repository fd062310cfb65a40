"""E-mail addresses as arguments: an invalid one is wrong use, reported before the store is opened."""

from __future__ import annotations

import re

import click

from common.normalization.address import AddressError, repaired_address

_LIKELY = re.compile(r"[^@\s<>,;]+@[^@\s<>,;]+")


def address(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """
    Check an address, as a `callback=`. Return it trimmed and otherwise as typed, or, if it is not ASCII, as stored.

    The gateway checks new addresses more strictly.
    """
    if value is None:
        return None
    text = _stored_form(value.strip())
    if not _LIKELY.fullmatch(text):
        raise click.BadParameter(f"{text!r} is not an e-mail address; give one like ada@example.com", ctx, param)
    return text


def address_or_words(ctx: click.Context, param: click.Parameter, value: str) -> str:
    """Like `address`, but also accept words without an @ and return them trimmed."""
    return value.strip() if value.strip() and "@" not in value else str(address(ctx, param, value))


def addresses(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[str | None, ...]:
    """Like `address`, for several addresses."""
    return tuple(address(ctx, param, value) for value in values)


def _stored_form(text: str) -> str:
    """Write an international domain as `xn--…`, and drop invisible characters, which may come from copying."""
    try:
        return text if text.isascii() else repaired_address(text)
    except AddressError:
        return text
