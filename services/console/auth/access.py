"""
Access rules: who may use the console.

With CONSOLE_TOKEN or CONSOLE_USERS, a user needs a token, which a person enters in a form and a program sends as
`Authorization: Bearer`; or a trusted proxy names the user in CONSOLE_USER_HEADER. Users with the role `read` may look
but not act.

Without these settings the console listens on loopback only, and answers only requests that were made on this machine.
It refuses requests of other sites' pages whose name resolves to this machine (DNS rebinding), and requests that came
through a proxy.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import urlsplit

from aiohttp import web

from common.settings.console_users import ConsoleUser
from common.settings.settings import Settings, SettingsError
from services.console.auth.session import Session
from services.web.client_address import Network, address_of, is_trusted

_FORWARDING_HEADERS = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via")


@dataclass(frozen=True, slots=True)
class Principal:
    """
    The sender of a request.

    `source`: the client's address. `is_secure`: whether the request came over TLS, as far as this process or a trusted
    proxy can tell. `session`: the browser's session; None for a program, which sends its token each time. `user`: None
    for a guest, who may only log in.
    """

    source: str
    is_secure: bool
    session: Session | None
    user: ConsoleUser | None

    @property
    def is_authenticated(self) -> bool:
        return self.user is not None

    @property
    def may_act(self) -> bool:
        return self.user is not None and self.user.may_act

    @property
    def name(self) -> str:
        """The name for the action log."""
        return self.user.name if self.user else "nobody"

    @property
    def via(self) -> Literal["console", "api"]:
        return "api" if self.session is None else "console"


LOCAL_USER: Final = ConsoleUser("local", "full", "")
"""The user of all requests when nobody has to log in; these come from this machine."""


PRINCIPAL: ContextVar[Principal] = ContextVar("principal")
"""Set before any handler runs. Each connection has its own context, and aiohttp handles its requests one by one."""


def check_access_settings(settings: Settings) -> None:
    """Raises SettingsError if anybody on the network could use the console."""
    if not settings.console_logins and not is_loopback(settings.console_host):
        raise SettingsError(
            [
                f"CONSOLE_TOKEN: unset, and CONSOLE_HOST={settings.console_host} is reached from elsewhere; set"
                " CONSOLE_TOKEN to 32 or more random characters (`openssl rand -hex 32`), or CONSOLE_USERS, or"
                " CONSOLE_HOST to 127.0.0.1"
            ]
        )


def is_loopback(host: str) -> bool:
    address = address_of(host)
    return address.is_loopback if address else host.lower() == "localhost"


def reason_not_local(request: web.Request) -> str | None:
    """Return why a request to a console without a token does not count as made on this machine; None if it does."""
    name = urlsplit(f"//{request.host}").hostname or ""
    if not is_loopback(name):
        return "This console has no CONSOLE_TOKEN, so it answers only to names of its own machine, such as localhost."
    if any(header in request.headers for header in _FORWARDING_HEADERS):
        return "This request came through a proxy, and the console has no CONSOLE_TOKEN. Set one, and restart."
    return None


def is_secure(request: web.Request, trusted: tuple[Network, ...]) -> bool:
    """Whether the request came over TLS. `trusted`: networks of proxies whose X-Forwarded-Proto is trusted."""
    behind_proxy = is_trusted(request.remote or "", trusted)
    scheme = request.headers.get("X-Forwarded-Proto", "") if behind_proxy else request.scheme
    return scheme.lower() == "https"
