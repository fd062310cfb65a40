"""
Who may come in.

With CONSOLE_TOKEN, whoever knows it: a person by a form, a program by `Authorization: Bearer`. Without it the console
listens on loopback only, and takes only requests that were made on this machine: not those of a page elsewhere whose
name was pointed here, and not those that came through a proxy.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from aiohttp import web

from common.settings.settings import Settings, SettingsError
from services.web.client_address import Network, address_of, is_trusted, source_of

_FORWARDING = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via")


def check_door(settings: Settings) -> None:
    """Raises SettingsError for a console that anybody could walk into."""
    if settings.console_token is None and not is_loopback(settings.console_host):
        raise SettingsError(
            [
                f"CONSOLE_TOKEN: unset, and CONSOLE_HOST={settings.console_host} is reached from elsewhere; set"
                " CONSOLE_TOKEN to 32 or more random characters (`openssl rand -hex 32`), or CONSOLE_HOST to 127.0.0.1"
            ]
        )


def is_loopback(host: str) -> bool:
    address = address_of(host)
    return address.is_loopback if address else host.lower() == "localhost"


def why_not_local(request: web.Request) -> str | None:
    """Why a request is not one of this machine's own, in words; for a console without a token."""
    name = urlsplit(f"//{request.host}").hostname or ""
    if not is_loopback(name):
        return "This console has no CONSOLE_TOKEN, so it answers only to its own machine's names, such as localhost."
    if any(header in request.headers for header in _FORWARDING):
        return "This request came through a proxy, and the console has no CONSOLE_TOKEN. Set one, and restart."
    return None


def is_own_page(request: web.Request) -> bool:
    """Whether a form was sent by a page of ours, by what the browser says and no page can change."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc.lower() == request.host.lower()


def whence(request: web.Request, trusted: tuple[Network, ...]) -> tuple[str, bool]:
    """(source, whether it came over TLS)."""
    peer = request.remote or ""
    forwarded = ",".join(request.headers.getall("X-Forwarded-For", ()))
    scheme = request.headers.get("X-Forwarded-Proto", "") if is_trusted(peer, trusted) else request.scheme
    return source_of(peer, forwarded, trusted), scheme.lower() == "https"
