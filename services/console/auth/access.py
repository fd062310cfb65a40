"""
Who may use the console.

With CONSOLE_TOKEN: everybody who knows it, a person by a form, a program by `Authorization: Bearer`. Without it the
console listens on loopback only, and answers only requests that were made on this machine: not those of a page
elsewhere whose name resolves to this machine (DNS rebinding), and not those that came through a proxy.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from urllib.parse import urlsplit

from aiohttp import web

from common.settings.settings import Settings, SettingsError
from services.console.auth.session import Session
from services.web.client_address import Network, address_of, is_trusted

_FORWARDING_HEADERS = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via")


@dataclass(frozen=True, slots=True)
class Principal:
    """
    Who makes a request.

    `source`: the client's address. `is_secure`: over TLS, as far as this process or a trusted proxy can tell.
    `session`: a browser's; None for a program, which sends its token each time. `is_authenticated`: may see and do what
    the console offers.
    """

    source: str
    is_secure: bool
    session: Session | None
    is_authenticated: bool


PRINCIPAL: ContextVar[Principal] = ContextVar("principal")
"""Set before any handler runs. aiohttp handles the requests of a connection one by one, in a context of its own."""


def check_access_settings(settings: Settings) -> None:
    """Raises SettingsError for a console that anybody on the network could use."""
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


def reason_not_local(request: web.Request) -> str | None:
    """Why a request to a console without a token was not made on this machine; None when it was."""
    name = urlsplit(f"//{request.host}").hostname or ""
    if not is_loopback(name):
        return "This console has no CONSOLE_TOKEN, so it answers only to names of its own machine, such as localhost."
    if any(header in request.headers for header in _FORWARDING_HEADERS):
        return "This request came through a proxy, and the console has no CONSOLE_TOKEN. Set one, and restart."
    return None


def is_secure(request: web.Request, trusted: tuple[Network, ...]) -> bool:
    """Whether the request came over TLS; `trusted`: proxies whose X-Forwarded-Proto counts."""
    behind_proxy = is_trusted(request.remote or "", trusted)
    scheme = request.headers.get("X-Forwarded-Proto", "") if behind_proxy else request.scheme
    return scheme.lower() == "https"
