"""Rules about combinations of settings, checked before a process may start."""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Iterator

from common.settings import values
from common.settings.process_needs import NOT_READ, is_needed
from common.settings.settings import SECRET_KEY_CURE, Settings
from common.settings.values import split


def problems_of(settings: Settings, *, process: str | None = None) -> list[str]:
    """
    Return one line for each problem, with the setting and the cure.

    `process`: as in `load_settings`. Settings that only other processes need are not checked.
    """
    problems = [
        *_check_campaigns(settings),
        *_check_secrets(settings, process),
        *_check_weak_secrets(settings),
        *_check_proxies(settings),
        *_check_user_header(settings),
    ]
    if is_needed("resend_api_key", process):
        problems += [*_check_notion(settings), *_check_identity(settings), *_check_twilio(settings)]
        problems += [] if settings.testing_mode else _check_public_url(settings)
    return [*problems, *_check_ports(settings, process)]


def warnings_of(settings: Settings) -> list[str]:
    """Return one line for each problem that is acceptable in TESTING_MODE only."""
    return [*_check_public_url(settings)] if settings.testing_mode else []


def reaches_a_provider(settings: Settings) -> bool:
    """Return whether a real provider is configured that is not a test double on this machine."""
    return (
        settings.reaches_strangers
        or (settings.notion_is_real and not values.is_this_machine(settings.notion_base_url))
        or (settings.twilio_is_real and not values.is_this_machine(settings.twilio_api_url))
    )


def _check_campaigns(settings: Settings) -> Iterator[str]:
    if settings.campaign is not None and "campaigns" in settings.model_fields_set:
        yield "CAMPAIGN: it is another name for CAMPAIGNS, and both are set; unset CAMPAIGN"


def _check_notion(settings: Settings) -> Iterator[str]:
    if not settings.notion_is_real:
        return
    for name in ("notion_email_sequence_db_id", "notion_businessx_db_id"):
        if getattr(settings, name) is None:
            yield f"{name.upper()}: unset, but NOTION_TOKEN is set; set the database's id or URL, or unset NOTION_TOKEN"


def _check_twilio(settings: Settings) -> Iterator[str]:
    """TWILIO_AUTH_TOKEN may be set alone: a process that only checks signatures needs nothing else."""
    names = ("twilio_account_sid", "twilio_from", "twilio_auth_token")
    given = [name.upper() for name in names[:2] if getattr(settings, name) is not None]
    for name in names:
        if given and getattr(settings, name) is None:
            yield f"{name.upper()}: unset, but {given[0]} is set; set all three for SMS, or none"


def _check_secrets(settings: Settings, process: str | None) -> Iterator[str]:
    if settings.is_simulated:
        return
    if settings.secret_key is None and is_needed("secret_key", process):
        yield f"SECRET_KEY: unset, but a real provider is configured; set {SECRET_KEY_CURE}"
    if settings.allow_unsigned_webhooks:
        return
    for name in _secrets_needed(settings):
        if is_needed(name, process) and not getattr(settings, name):
            yield (
                f"{name.upper()}: unset, but a real provider is configured; set the secret of that webhook"
                " (or ALLOW_UNSIGNED_WEBHOOKS=true, if you must)"
            )


def _secrets_needed(settings: Settings) -> Iterator[str]:
    yield "webhook_secret"
    yield "calcom_webhook_secret"
    if settings.resend_is_real:
        yield "resend_webhook_secret"


def _check_weak_secrets(settings: Settings) -> Iterator[str]:
    """Yield a line for each secret that can be guessed, if data of real people may be behind it."""
    if not reaches_a_provider(settings):
        return
    for name, cure in _GENERATED.items():
        for secret in _secrets_in(name, getattr(settings, name)):
            if fault := _weakness(_key_of(name, secret)):
                yield f"{name.upper()}: {fault}; set {cure}"
                break


def _secrets_in(name: str, value: str | None) -> tuple[str, ...]:
    if value is None or value == NOT_READ:
        return ()
    return split(value) if name.endswith("webhook_secret") else (value,)


def _key_of(name: str, secret: str) -> bytes:
    is_base64 = name in ("webhook_secret", "resend_webhook_secret")
    return base64.b64decode(secret.removeprefix("whsec_")) if is_base64 else secret.encode()


def _weakness(key: bytes) -> str | None:
    if len(key) < SECRET_BYTES_MIN:
        return f"has only {len(key)} bytes, and {SECRET_BYTES_MIN} are needed with a real provider"
    return "repeats one letter, so it can be guessed" if len(set(key)) == 1 else None


def _check_proxies(settings: Settings) -> Iterator[str]:
    if reaches_a_provider(settings) and _includes_every_address(settings):
        yield (
            "TRUSTED_PROXIES: trusts every address, so anybody could pretend to be any client; set the addresses or"
            " networks of your own proxies"
        )


def _check_user_header(settings: Settings) -> Iterator[str]:
    if settings.console_user_header is None:
        return
    if not settings.trusted_networks:
        yield (
            "CONSOLE_USER_HEADER: anybody could send this header, since TRUSTED_PROXIES is empty; set the addresses of"
            " the proxy that sets it"
        )
    if not settings.console_users:
        yield "CONSOLE_USER_HEADER: names nobody that is known; list its users and their roles in CONSOLE_USERS"


def _includes_every_address(settings: Settings) -> bool:
    """Return whether the networks together include every IPv4 address, or every IPv6 address."""
    v4 = [network for network in settings.trusted_networks if isinstance(network, ipaddress.IPv4Network)]
    v6 = [network for network in settings.trusted_networks if isinstance(network, ipaddress.IPv6Network)]
    prefixes = [network.prefixlen for network in ipaddress.collapse_addresses(v4)]
    prefixes += [network.prefixlen for network in ipaddress.collapse_addresses(v6)]
    return 0 in prefixes


def _check_identity(settings: Settings) -> Iterator[str]:
    """Canadian law requires sender and postal address in every commercial mail; invented ones must never be sent."""
    if not settings.reaches_strangers:
        return
    for name, cure in _IDENTITY.items():
        if getattr(settings, name) is None:
            yield f"{name.upper()}: unset, but RESEND_API_KEY is set; set {cure}"


def _check_public_url(settings: Settings) -> Iterator[str]:
    """Every mail must have an unsubscribe link, and mail programs post to it from the internet."""
    if not settings.reaches_strangers:
        return
    url, cure = settings.public_url, "set the https address under which people reach the gateway"
    if url is None:
        yield f"PUBLIC_URL: unset, but RESEND_API_KEY is set, and unsubscribe links start with it; {cure}"
    elif values.is_this_machine(url):
        yield f"PUBLIC_URL: {url} leads nowhere but to this machine, and unsubscribe links start with it; {cure}"
    elif not url.startswith("https://"):
        yield f"PUBLIC_URL: {url} is not https, and mail programs unsubscribe over https only; {cure}"


SECRET_BYTES_MIN = 16

_GENERATED = {
    "secret_key": SECRET_KEY_CURE,
    "console_token": "32 or more random characters (`openssl rand -hex 32`)",
    "webhook_secret": "whsec_ followed by the base64 of 24 random bytes or more, on both sides",
    "calcom_webhook_secret": "32 or more random characters (`openssl rand -hex 32`), at Cal.com too",
    "resend_webhook_secret": "the secret that Resend shows for the webhook",
}
"""The secrets that a person chooses, and how to choose a better one."""

_IDENTITY = {
    "email_from": 'the sender, "Name <address>", at a domain verified with Resend',
    "email_postal_address": "the sender's postal address, on one line",
    "booking_url": "the page where a call is booked",
}


def _check_ports(settings: Settings, process: str | None) -> Iterator[str]:
    """Compare only ports that this process reads: the others have their defaults here, which may not be in use."""
    taken: dict[int, str] = {}
    for name in ("gateway_port", "sandbox_port", "worker_metrics_port", "console_port"):
        port = getattr(settings, name)
        if not is_needed(name, process):
            continue
        if port and port in taken:
            yield f"{name.upper()}: {port} is also {taken[port]}; set one of them to another port"
        taken[port] = name.upper()
