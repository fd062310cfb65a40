"""The settings of a process; `load.py` reads them from the environment, once, at its start."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from common.domain.cadence import Pace
from common.domain.feedback import SOFT_BOUNCE_LIMIT
from common.domain.signup_bounds import SignupBounds
from common.settings import values as values
from common.settings.console_users import ConsoleUser, checked_users, parse_users, token_user

if TYPE_CHECKING:
    from common.campaigns.facts import Identity

Truth = Annotated[bool, BeforeValidator(values.truth)]
Port = Annotated[int, BeforeValidator(values.whole(1, 65535))]
Host = Annotated[str, BeforeValidator(values.host)]
Name = Annotated[str, BeforeValidator(values.name)]
Names = Annotated[str, BeforeValidator(values.names)]
Words = Annotated[str, BeforeValidator(values.words)]
Sender = Annotated[str, BeforeValidator(values.sender)]
WebAddress = Annotated[str, BeforeValidator(values.web_address)]
BaseAddress = Annotated[str, BeforeValidator(values.base_address)]
StoreAddress = Annotated[str, BeforeValidator(values.store_address)]
StandardSecrets = Annotated[str, BeforeValidator(values.standard_secrets)]
NotionId = Annotated[str, BeforeValidator(values.notion_id)]


SECRET_KEY_CURE = "32 or more random characters (`openssl rand -hex 32`), and keep them as long as the store"


class SettingsError(Exception):
    """The process cannot start with these settings. `problems`: one line each, with the setting and the cure."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


SIGNUPS_PER_HOUR, SIGNUPS_PER_SOURCE_PER_HOUR = 2_000, 20
"""The default limits, which apply when mail reaches strangers."""

_SANDBOX_IDENTITY = {
    "sender": "Sarah Tremblay <sarah@businessx.example>",
    "postal_address": "BusinessX, 1 Example Street, Sampletown ON  A1A 1A1, Canada",
    "booking_url": "https://booking.example/diagnostic-call",
}
"""A fictitious sender for the sandbox. With a real Resend these settings must be set."""


MEETING_HOSTS = (
    "app.cal.com,cal.com,cal.video,zoom.us,zoom.com,meet.google.com,teams.microsoft.com,teams.live.com,webex.com,"
    "whereby.com,daily.co,meet.jit.si,8x8.vc,goto.com,gotomeeting.com,bluejeans.com,livestorm.co,riverside.fm,"
    "facetime.apple.com,ringcentral.com,dialpad.com,huddle01.com,around.co,demodesk.com"
)
"""The default: the usual video providers and Cal.com, including their subdomains."""


class Settings(BaseSettings):
    """
    Every setting of `docs/settings.md`, in the order of that page. Fields are environment variables in lower case.

    An instance holds only the values that it is given; `load_settings` reads the environment. `sandboxed` is not a
    setting: it names the providers (`notion`, `resend`, `twilio`, `calcom`) that the sandbox replaces.
    """

    model_config = SettingsConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, validate_default=False)

    redis_url: StoreAddress | None = None
    data_dir: Path = Path("./data")
    gateway_host: Host = "127.0.0.1"
    gateway_port: Port = 8000
    console_host: Host = "127.0.0.1"
    console_port: Port = 8001
    console_token: str | None = None
    console_users: Annotated[str, BeforeValidator(checked_users)] = ""
    console_user_header: Annotated[str, BeforeValidator(values.header_name)] | None = None
    sandbox_host: Host = "127.0.0.1"
    sandbox_port: Port = 8002
    metrics_host: Host = "127.0.0.1"
    worker_metrics_port: Annotated[int, BeforeValidator(values.whole(0, 65535))] = 9191
    trusted_proxies: Annotated[str, BeforeValidator(values.networks)] = ""
    secret_key: str | None = None
    public_url: BaseAddress | None = None
    campaigns: Names = "christmas_2025"
    campaign: Name | None = None
    campaigns_dir: Path | None = None
    testing_mode: Truth = False
    testing_recipients: Annotated[str, BeforeValidator(values.recipients)] = ""
    # At 60,000 two test steps are a millisecond apart, which is the resolution of the schedule.
    campaign_speed: Annotated[float, BeforeValidator(values.number(0.001, 60_000))] = 1.0
    notion_token: str | None = None
    notion_email_sequence_db_id: NotionId | None = None
    notion_businessx_db_id: NotionId | None = None
    notion_base_url: BaseAddress = "https://api.notion.com"
    notion_requests_per_minute: Annotated[int, BeforeValidator(values.whole(1, 1_000_000))] = 180
    resend_api_key: str | None = None
    resend_api_url: BaseAddress = "https://api.resend.com"
    resend_requests_per_second: Annotated[float, BeforeValidator(values.number(0.01, 100_000))] = 2
    twilio_account_sid: Annotated[str, BeforeValidator(values.twilio_sid)] | None = None
    twilio_auth_token: str | None = None
    twilio_from: Annotated[str, BeforeValidator(values.sms_sender)] | None = None
    twilio_api_url: BaseAddress = "https://api.twilio.com"
    twilio_requests_per_second: Annotated[float, BeforeValidator(values.number(0.01, 1_000))] = 1
    email_from: Sender | None = None
    email_reply_to: Sender | None = None
    email_postal_address: str | None = None
    booking_url: WebAddress | None = None
    webhook_secret: StandardSecrets | None = None
    calcom_webhook_secret: Words | None = None
    resend_webhook_secret: StandardSecrets | None = None
    calcom_event_types: Words = ""
    calcom_api_key: str | None = None
    calcom_api_url: BaseAddress = "https://api.cal.com"
    signups_per_hour: Annotated[int, BeforeValidator(values.whole(1, 1_000_000))] | None = None
    signups_per_source_per_hour: Annotated[int, BeforeValidator(values.whole(1, 1_000_000))] | None = None
    allow_unsigned_webhooks: Truth = False
    meeting_hosts: Annotated[str, BeforeValidator(values.hosts)] = MEETING_HOSTS
    retry_attempts: Annotated[int, BeforeValidator(values.whole(0, 100))] = 3
    retry_delay_seconds: Annotated[float, BeforeValidator(values.number(0, 86_400))] = 60
    retention_days: Annotated[int, BeforeValidator(values.whole(1, 36_500))] = 400
    soft_bounce_limit: Annotated[int, BeforeValidator(values.whole(1, 100))] = SOFT_BOUNCE_LIMIT
    hot_lead_webhook_url: WebAddress | None = None
    healthcheck_ping_url: WebAddress | None = None
    log_format: Annotated[str, BeforeValidator(values.one_of("json", "console"))] | None = None
    log_level: Annotated[
        str, BeforeValidator(values.one_of("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL", upper=True))
    ] = "INFO"
    sandboxed: frozenset[str] = Field(default=frozenset(), repr=False)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Use only the arguments: a test, or a child process that is given settings, must not read the environment."""
        return (init_settings,)

    @property
    def resend_is_real(self) -> bool:
        """Whether mail reaches people."""
        return self.resend_api_key is not None and "resend" not in self.sandboxed

    @property
    def twilio_is_real(self) -> bool:
        """Whether SMS reaches people."""
        return self.twilio_account_sid is not None and "twilio" not in self.sandboxed

    @property
    def reaches_strangers(self) -> bool:
        """Whether mail leaves this machine. A Resend at a loopback address is a test double."""
        return self.resend_is_real and not values.is_this_machine(self.resend_api_url)

    @property
    def signup_bounds(self) -> SignupBounds:
        """The limits of new signups in an hour. Without mail to strangers an unset limit is None: no limit."""
        if not self.reaches_strangers:
            return SignupBounds(per_hour=self.signups_per_hour, per_source=self.signups_per_source_per_hour)
        return SignupBounds(
            per_hour=self.signups_per_hour or SIGNUPS_PER_HOUR,
            per_source=self.signups_per_source_per_hour or SIGNUPS_PER_SOURCE_PER_HOUR,
        )

    @property
    def is_rehearsal(self) -> bool:
        """Whether TESTING_MODE uses a real Resend. What a rehearsal leaves there would affect the real campaign too."""
        return self.testing_mode and self.resend_is_real

    @property
    def notion_is_real(self) -> bool:
        return self.notion_token is not None and "notion" not in self.sandboxed

    @property
    def is_real(self) -> bool:
        return self.resend_is_real or self.notion_is_real

    @property
    def is_simulated(self) -> bool:
        """Whether no provider is real: secrets may be generated, and the sandbox may book calls."""
        return not (self.is_real or self.twilio_is_real)

    @property
    def pace(self) -> Pace:
        return Pace(testing=self.testing_mode, speed=self.campaign_speed)

    @property
    def campaign_keys(self) -> tuple[str, ...]:
        """The directory names of the campaigns that are played. Bookings belong to the first campaign."""
        return values.split(self.campaign or self.campaigns)

    @property
    def webhook_secrets(self) -> tuple[str, ...]:
        """The website's secrets, newest first; empty when none is set."""
        return values.split(self.webhook_secret or "")

    @property
    def calcom_webhook_secrets(self) -> tuple[str, ...]:
        return values.split(self.calcom_webhook_secret or "")

    @property
    def resend_webhook_secrets(self) -> tuple[str, ...]:
        return values.split(self.resend_webhook_secret or "")

    @property
    def calcom_types(self) -> tuple[str, ...]:
        """Ids or slugs of the event types whose bookings count; empty: all."""
        return values.split(self.calcom_event_types)

    @property
    def trusted_networks(self) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
        return tuple(ipaddress.ip_network(entry, strict=False) for entry in values.split(self.trusted_proxies))

    @property
    def identity(self) -> Identity:
        """Sender, postal address and booking page of the mails. An unset one is taken from the sandbox's example."""
        from common.campaigns.facts import Identity, parse_sender

        sender = self.email_from or _SANDBOX_IDENTITY["sender"]
        name, address = parse_sender(sender)
        return Identity(
            sender_name=name or address,
            sender=sender,
            reply_to=self.email_reply_to,
            postal_address=self.email_postal_address or _SANDBOX_IDENTITY["postal_address"],
            booking_url=self.booking_url or _SANDBOX_IDENTITY["booking_url"],
        )

    @property
    def secret(self) -> str:
        """SECRET_KEY. Raises SettingsError if it is unset; `with_generated_secrets` generates one for the sandbox."""
        if self.secret_key is None:
            raise SettingsError([f"SECRET_KEY: unset; set {SECRET_KEY_CURE}"])
        return self.secret_key

    @property
    def gateway_url(self) -> str:
        """The address under which this machine reaches the gateway."""
        return url_of(self.gateway_host, self.gateway_port)

    @property
    def sandbox_url(self) -> str:
        return url_of(self.sandbox_host, self.sandbox_port)

    @property
    def console_logins(self) -> tuple[ConsoleUser, ...]:
        """The users of the console. Empty: there is no login, and the console serves this machine only."""
        known = parse_users(self.console_users)
        return known if self.console_token is None else (token_user(self.console_token), *known)

    @property
    def console_url(self) -> str:
        return url_of(self.console_host, self.console_port)

    @property
    def public_address(self) -> str:
        """The address under which the gateway is reachable: PUBLIC_URL, by default `gateway_url`. No trailing slash."""
        return self.public_url or self.gateway_url

    def may_mail(self, address: str) -> bool:
        """Return whether mail may go to an address: in TESTING_MODE with a real Resend, only to TESTING_RECIPIENTS."""
        return not self.is_rehearsal or is_listed(address, self.testing_recipients)

    def may_text(self, number: str) -> bool:
        """Return whether SMS may go to a number (E.164): with a real Twilio in TESTING_MODE, to TESTING_RECIPIENTS."""
        return not (self.testing_mode and self.twilio_is_real) or is_listed(number, self.testing_recipients)

    def may_link_to(self, url: str) -> bool:
        """Return whether a call's link may be shown: its host must be one of MEETING_HOSTS, or a subdomain of one."""
        host = _host_of(url)
        return any(host == known or host.endswith(f".{known}") for known in values.split(self.meeting_hosts))


def _host_of(url: str) -> str:
    """Return the host that a browser would open, or "" if programs could disagree about the host."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return ""
    is_plain = parts.scheme in ("https", "http") and "@" not in parts.netloc and "\\" not in url and url.isprintable()
    return host if is_plain and host.isascii() and " " not in url else ""


def is_listed(address: str, recipients: str) -> bool:
    """Return whether `recipients` (as in TESTING_RECIPIENTS) has the address, its domain (no subdomains), or `*`."""
    entries = values.split(recipients.lower())
    address = address.strip().lower()
    return "*" in entries or address in entries or address.rpartition("@")[2] in entries


def url_of(host: str, port: int) -> str:
    """Return the URL under which this machine reaches a server that is bound to `host`."""
    here = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)
    return f"http://[{here}]:{port}" if ":" in here else f"http://{here}:{port}"


SETTING_NAMES = tuple(name.upper() for name in Settings.model_fields if name != "sandboxed")
