"""What settings must agree on with each other before a process may start."""

from __future__ import annotations

from collections.abc import Iterator

from common.settings import values
from common.settings.settings import SECRET_KEY_CURE, Settings


def problems_of(settings: Settings) -> list[str]:
    """One line for each problem, with the setting and the cure."""
    return [
        *_of_campaigns(settings),
        *_of_notion(settings),
        *_of_secrets(settings),
        *_of_identity(settings),
        *([] if settings.testing_mode else _of_public_url(settings)),
        *_of_ports(settings),
    ]


def warnings_of(settings: Settings) -> list[str]:
    """One line for each thing that a test may do without, and real mail may not."""
    return [*_of_public_url(settings)] if settings.testing_mode else []


def _of_campaigns(settings: Settings) -> Iterator[str]:
    if settings.campaign is not None and "campaigns" in settings.model_fields_set:
        yield "CAMPAIGN: it is another name for CAMPAIGNS, and both are set; unset CAMPAIGN"


def _of_notion(settings: Settings) -> Iterator[str]:
    if not settings.notion_is_real:
        return
    for name in ("notion_email_sequence_db_id", "notion_businessx_db_id"):
        if getattr(settings, name) is None:
            yield f"{name.upper()}: unset, but NOTION_TOKEN is set; set the database's id or URL, or unset NOTION_TOKEN"


def _of_secrets(settings: Settings) -> Iterator[str]:
    if not settings.is_real:
        return
    if settings.secret_key is None:
        yield f"SECRET_KEY: unset, but a real provider is configured; set {SECRET_KEY_CURE}"
    if settings.allow_unsigned_webhooks:
        return
    for name in _secrets_needed(settings):
        if not getattr(settings, name):
            yield (
                f"{name.upper()}: unset, but a real provider is configured; set the secret of that webhook"
                " (or ALLOW_UNSIGNED_WEBHOOKS=true, if you must)"
            )


def _secrets_needed(settings: Settings) -> Iterator[str]:
    yield "webhook_secret"
    yield "calcom_webhook_secret"
    if settings.resend_is_real:
        yield "resend_webhook_secret"


def _of_identity(settings: Settings) -> Iterator[str]:
    """Canadian law requires sender and postal address in every commercial mail; invented ones must never be sent."""
    if not settings.reaches_strangers:
        return
    for name, cure in _IDENTITY.items():
        if getattr(settings, name) is None:
            yield f"{name.upper()}: unset, but RESEND_API_KEY is set; set {cure}"


def _of_public_url(settings: Settings) -> Iterator[str]:
    """Every mail must have a link that ends it, and mail programs post to it from the internet."""
    if not settings.reaches_strangers:
        return
    url, cure = settings.public_url, "set the https address under which people reach the gateway"
    if url is None:
        yield f"PUBLIC_URL: unset, but RESEND_API_KEY is set, and unsubscribe links start with it; {cure}"
    elif values.is_this_machine(url):
        yield f"PUBLIC_URL: {url} leads nowhere but to this machine, and unsubscribe links start with it; {cure}"
    elif not url.startswith("https://"):
        yield f"PUBLIC_URL: {url} is not https, and mail programs unsubscribe over https only; {cure}"


_IDENTITY = {
    "email_from": 'the sender, "Name <address>", at a domain verified with Resend',
    "email_postal_address": "the sender's postal address, on one line",
    "booking_url": "the page where a call is booked",
}


def _of_ports(settings: Settings) -> Iterator[str]:
    taken: dict[int, str] = {}
    for name in ("gateway_port", "sandbox_port", "worker_metrics_port", "console_port"):
        port = getattr(settings, name)
        if port and port in taken:
            yield f"{name.upper()}: {port} is also {taken[port]}; set one of them to another port"
        taken[port] = name.upper()
