"""`advent try`"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import quote

import click

from common.settings.settings import Settings
from services.cli.address import address
from services.cli.cures import CommandFailed
from services.cli.sample import sample_signup
from services.cli.shared import json_option, now_ms, print_json, settings_as_they_are
from services.cli.signing import PATHS, headers_for


@click.command()
@click.option("--email", callback=address, help="Sign up this address instead of a made-up one.")
@json_option
def command(email: str | None, as_json: bool) -> None:
    """
    Sign up a sample person at the running gateway, as the website would, and say where to watch what follows.

    Each call makes up another person. With a real Resend the mail is real, too: then --email is needed.
    """
    from services.supervisor.beside import beside

    settings = settings_as_they_are()
    running = beside(settings)
    if email is None and (settings.resend_is_real or (running and "resend" in running.real)):
        raise click.UsageError("Resend is real: name an address of yours with --email")
    gateway_url = settings.gateway_url
    person = sample_signup(email)
    if not settings.webhook_secrets and not settings.allow_unsigned_webhooks:
        _look_for(gateway_url)  # That nothing runs here is the likelier reason why nothing can be signed.
    answer = _post(settings, gateway_url, person)
    sandbox_url = None if running and running.sandbox_url is None else settings.sandbox_url
    watch = _places(settings, sandbox_url, answer["email"])
    if as_json:
        print_json({**answer, "watch": watch})
        return
    again = " (known already: nothing starts anew)" if answer["status"] == "duplicate" else ""
    click.echo(
        f"{person['first_name']} signed up: {answer['email']} · {answer['segment']} · {answer['enrollment_id']}{again}"
    )
    for name, where in watch.items():
        click.echo(f"  {name:<10}{where}")


def _places(settings: Settings, sandbox_url: str | None, address: str) -> dict[str, str]:
    from services.supervisor.screen import hint

    places = {}
    if "resend" in settings.sandboxed and sandbox_url:
        places["inbox"] = f"{sandbox_url}/inbox?to={quote(address)}"
    if "notion" in settings.sandboxed and sandbox_url:
        places["Notion"] = f"{sandbox_url}/notion"
    return {**places, "timeline": f"{hint(settings)} contact {address}"}


def _look_for(base: str) -> None:
    """Raises CommandFailed when no gateway answers there."""
    try:
        with urllib.request.urlopen(f"{base}/health", timeout=15):
            return
    except urllib.error.HTTPError as answer:
        answer.close()
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        raise _no_gateway(base, error) from None


def _post(settings: Settings, base: str, person: dict[str, Any]) -> dict[str, Any]:
    body = json.dumps(person).encode()
    headers = headers_for("signup", body, settings, now_s=now_ms() // 1000)
    request = urllib.request.Request(base + PATHS["signup"], data=body, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=15) as response:
            answer: dict[str, Any] = json.load(response)
            return answer
    except urllib.error.HTTPError as refusal:
        with refusal:
            raise CommandFailed(_refusal(refusal.code, refusal.read())) from None
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        raise _no_gateway(base, error) from None


def _no_gateway(base: str, error: Exception) -> CommandFailed:
    reason = getattr(error, "reason", error)
    return CommandFailed(
        f"no gateway answers at {base} ({reason}); start `advent up` first, or set GATEWAY_PORT as it has it"
    )


def _refusal(status: int, body: bytes) -> str:
    """The gateway's own words, from its problem+json."""
    try:
        problem = json.loads(body)
        fields = "; ".join(f"{fault['field']}: {fault['message']}" for fault in problem.get("errors", []))
        words = " · ".join(filter(None, [problem.get("title"), problem.get("detail"), fields]))
    except (ValueError, TypeError, KeyError, AttributeError):
        words = "no reason given"
    return f"the gateway answered {status}: {words}"
