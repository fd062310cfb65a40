"""Response headers that restrict what a browser may do with a response."""

from __future__ import annotations

from collections.abc import Mapping

from multidict import CIMultiDict

_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Robots-Tag": "noindex",
    "Server": "advent",
}

API_HEADERS: Mapping[str, str] = {
    **_ALWAYS,
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
"""For responses that are data: they may load nothing, and no page may frame them."""

PAGE_HEADERS: Mapping[str, str] = {
    **_ALWAYS,
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    # With no-referrer, browsers would send `Origin: null` with the forms of these pages.
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}
"""For pages with forms, scripts and style sheets of the same origin."""


def add_security_headers(headers: CIMultiDict[str], policy: Mapping[str, str]) -> None:
    """Add the headers of `policy` that the response does not set itself."""
    for name, value in policy.items():
        headers.setdefault(name, value)
