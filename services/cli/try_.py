"""`advent try`"""

from __future__ import annotations

import json
import secrets
import urllib.error
import urllib.request
from collections.abc import Mapping
from random import Random
from typing import Any
from urllib.parse import quote

import click

from common.settings.settings import Settings
from services.cli.arguments import address
from services.cli.error_lines import CommandFailed
from services.cli.shared import client_settings, json_option, now_ms, print_json
from services.cli.signing import NAMED_SIGNUP, PATHS, headers_for

_NAMES = ("Ada", "Boris", "Chen", "Dunya", "Emeka", "Farah", "Goran", "Hana", "Ivana", "Jonas", "Keiko", "Luis")
_BUSINESSES = ("Salon Noir", "Blue Door Studio", "The Barber Room", "Lotus Day Spa", "Main Street Dental", "Pine & Co")
_ZONES = ("America/Toronto", "America/Vancouver", "America/Halifax", "America/Edmonton")
_SYSTEMS = ("GPS", "CREW", "ENGINE", "FUEL", "CABIN", "COCKPIT", "RADAR", "AUTOPILOT")


@click.command()
@click.option("--email", callback=address, help="Sign up this address instead of a generated one.")
@click.option("--campaign", metavar="NAME", help="Sign up for this campaign instead of the first one.")
@json_option
def command(email: str | None, campaign: str | None, as_json: bool) -> None:
    """
    Sign up a sample person at the running gateway, as the website would, and print where to watch what follows.

    Each call signs up another person. With a real Resend the mail is real too; then --email is required.
    """
    from services.supervisor.inherited_settings import find_running

    settings = client_settings()
    running = find_running(settings)
    if email is None and (settings.resend_is_real or (running and "resend" in running.real)):
        raise click.UsageError("Resend is real: give an address of yours with --email")
    gateway_url = settings.gateway_url
    person = sample_signup(email) if campaign is None else _sample_of(campaign, settings, email)
    if not settings.webhook_secrets and not settings.allow_unsigned_webhooks:
        _check_gateway(gateway_url)  # Usually the secret is missing because nothing runs here.
    path = PATHS["signup"] if campaign is None else NAMED_SIGNUP.format(campaign=quote(campaign, safe=""))
    answer = _post(settings, gateway_url + path, person)
    sandbox_url = None if running and running.sandbox_url is None else settings.sandbox_url
    watch = _urls(settings, sandbox_url, answer["email"])
    if as_json:
        print_json({**answer, "watch": watch})
        return
    if answer["status"] in ("closed", "excluded"):
        click.echo(f"{answer['email']}: {answer['message']}")
        return
    note = " (already enrolled: the schedule does not restart)" if answer["status"] == "duplicate" else ""
    click.echo(
        f"{person['first_name']} signed up: {answer['email']} · {answer['segment']} · {answer['enrollment_id']}{note}"
    )
    for name, where in watch.items():
        click.echo(f"  {name:<10}{where}")


def _urls(settings: Settings, sandbox_url: str | None, address: str) -> dict[str, str]:
    from services.supervisor.terminal import advent_command

    urls = {}
    if "resend" in settings.sandboxed and sandbox_url:
        urls["inbox"] = f"{sandbox_url}/inbox?to={quote(address)}"
    if "notion" in settings.sandboxed and sandbox_url:
        urls["Notion"] = f"{sandbox_url}/notion"
    return {**urls, "timeline": f"{advent_command(settings)} contact {address}"}


def _check_gateway(base: str) -> None:
    """Raises CommandFailed when no gateway answers there."""
    try:
        with urllib.request.urlopen(f"{base}/health", timeout=15):
            return
    except urllib.error.HTTPError as answer:
        answer.close()
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        raise _no_gateway(base, error) from None


def _post(settings: Settings, url: str, person: dict[str, Any]) -> dict[str, Any]:
    body = json.dumps(person).encode()
    headers = headers_for("signup", body, settings, now_s=now_ms() // 1000)
    request = urllib.request.Request(url, data=body, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=15) as response:
            answer: dict[str, Any] = json.load(response)
            return answer
    except urllib.error.HTTPError as refusal:
        with refusal:
            raise CommandFailed(_refusal(refusal.code, refusal.read())) from None
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        raise _no_gateway(settings.gateway_url, error) from None


def _no_gateway(base: str, error: Exception) -> CommandFailed:
    reason = getattr(error, "reason", error)
    return CommandFailed(
        f"no gateway answers at {base} ({reason}); start `advent up` first, or set GATEWAY_PORT to its value"
    )


def _refusal(status: int, body: bytes) -> str:
    """Return the gateway's own reason, from its problem+json."""
    try:
        problem = json.loads(body)
        fields = "; ".join(f"{fault['field']}: {fault['message']}" for fault in problem.get("errors", []))
        reason = " · ".join(filter(None, [problem.get("title"), problem.get("detail"), fields]))
    except (ValueError, TypeError, KeyError, AttributeError):
        reason = "no reason given"
    return f"the gateway answered {status}: {reason}"


def _sample_of(name: str, settings: Settings, email: str | None) -> dict[str, Any]:
    """Return a signup with every field of this campaign. Raises CampaignError when there is no such campaign."""
    from common.campaigns.loader import load_campaign
    from common.campaigns.samples import person

    campaign = load_campaign(name, directory=settings.campaigns_dir)
    reported = person(campaign.compiled, secrets.choice(campaign.segments), "full")
    assert isinstance(reported, Mapping)
    usual = sample_signup(email)
    known = {field: usual[field] for field in ("email", "first_name", "timezone")}
    return {**reported, **known, "locale": secrets.choice(campaign.languages)}


def sample_signup(email: str | None = None) -> dict[str, Any]:
    """Return a random signup like the website's. example.com is reserved (RFC 2606), so the address reaches nobody."""
    tag = secrets.token_hex(3)
    draw = Random(tag)
    name = draw.choice(_NAMES)
    red, orange, yellow = draw.randint(0, 3), draw.randint(0, 3), draw.randint(0, 2)
    weakest, second, *_, strongest = draw.sample(_SYSTEMS, len(_SYSTEMS))
    return {
        "email": email or f"{name.lower()}.{tag}@example.com",
        "first_name": name,
        "business_name": draw.choice(_BUSINESSES),
        "assessment_score": draw.randint(30, 85),
        "red_systems": red,
        "orange_systems": orange,
        "yellow_systems": yellow,
        "green_systems": 8 - red - orange - yellow,
        "gps_score": draw.randint(20, 90),
        "money_score": draw.randint(20, 90),
        "weakest_system_1": weakest,
        "weakest_system_2": second,
        "strongest_system": strongest,
        "revenue_leak_total": draw.randint(4, 60) * 500,
        "timezone": draw.choice(_ZONES),
        "locale": "en-CA",
    }
