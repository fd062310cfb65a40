"""The texts that `advent up` prints in the terminal."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

from common.campaigns.loader import Campaign
from common.domain.cadence import Cadence, Pace
from common.settings.settings import Settings
from common.store.clients import redacted_url

_NUMBERS = "zero,one,two,three,four,five,six,seven,eight,nine,ten,eleven,twelve"
_UNITS = ((86_400_000, "day", "d"), (3_600_000, "hour", "h"), (60_000, "minute", "min"), (1_000, "second", "s"))


def say(line: str = "") -> None:
    """Print a line at once, even into a pipe. A reader that closes the pipe must not stop Advent."""
    try:
        print(line, flush=True)  # noqa: T201 -- this is the terminal output
    except BrokenPipeError:
        sys.stdout = open("/dev/null", "w")  # noqa: SIM115 -- for the rest of this process


def welcome(settings: Settings, campaign: Campaign, *, worker_url: str | None) -> str:
    """Return what to print after the start: where everything is, how fast it runs, and what to do next."""
    lines = [_headline(settings, campaign), ""]
    lines += [f"  {name:<10}{where}" for name, where in _places(settings, worker_url)]
    lines += ["", f"  {'pace':<10}{pace_in_words(campaign, settings.pace)}", ""]
    lines += [
        f"Now, in another terminal:  {advent_command(settings)} try",
        "Ctrl-C stops everything and loses nothing.",
        "",
    ]
    return "\n".join(lines)


def _headline(settings: Settings, campaign: Campaign) -> str:
    real = [name for name in ("Resend", "Notion", "Twilio") if getattr(settings, f"{name.lower()}_is_real")]
    if not real:
        return f"Advent · {campaign.name} · on the sandbox: no real mail leaves this machine"
    recipients = ""
    if settings.resend_is_real and settings.testing_mode:
        recipients = f", which mails only to {settings.testing_recipients or 'nobody (TESTING_RECIPIENTS is empty)'}"
    return f"Advent · {campaign.name} · on the real {' and '.join(real)}{recipients}"


def _places(settings: Settings, worker_url: str | None) -> list[tuple[str, str]]:
    places = [("gateway", settings.gateway_url)]
    if "resend" in settings.sandboxed:
        places.append(("inbox", f"{settings.sandbox_url}/inbox    every mail, as its recipient sees it"))
    if "notion" in settings.sandboxed:
        places.append(("Notion", f"{settings.sandbox_url}/notion   the two databases"))
    places.append(("console", f"{settings.console_url}    health, and what needs a decision{_login_note(settings)}"))
    if worker_url:
        places.append(("worker", f"{worker_url}/metrics"))
    places.append(("data", _data(settings)))
    return places


def _login_note(settings: Settings) -> str:
    if settings.console_token is not None:
        return " (log in with CONSOLE_TOKEN)"
    return " (log in with your token of CONSOLE_USERS)" if settings.console_logins else ""


def _data(settings: Settings) -> str:
    folder = _relative(settings.data_dir)
    if settings.redis_url is None:
        return f"{folder} (embedded store; every write is on disk before it is acknowledged)"
    return f"{redacted_url(settings.redis_url)} · {folder}"


def _relative(path: Path) -> str:
    try:
        return f"./{path.resolve().relative_to(Path.cwd())}"
    except ValueError:
        return str(path)


def advent_command(settings: Settings) -> str:
    """Return how to call `advent` in another terminal."""
    own = Path(sys.argv[0])
    found = shutil.which("advent")
    on_path = found is not None and own.exists() and Path(found).resolve() == own.resolve()
    command = "advent" if on_path or own.name != "advent" else shlex.quote(_relative(own).removeprefix("./"))
    default = Settings.model_fields["data_dir"].default
    return (
        command if settings.data_dir == default else f"DATA_DIR={shlex.quote(_relative(settings.data_dir))} {command}"
    )


def pace_in_words(campaign: Campaign, pace: Pace) -> str:
    """Return `eleven days in 36 seconds: e-mails at 0 s, 6 s, 12 s, …`; in production, the days as they are."""
    played, real = campaign.cadence(pace), campaign.cadence(Pace())
    length = in_words(real.offsets_ms[-1])
    if played == real:
        return f"{length}: e-mails at {_offsets(played)}"
    return f"{length} in {in_words(played.offsets_ms[-1], spell=False)}: e-mails at {_offsets(played)}"


def in_words(ms: int, *, spell: bool = True) -> str:
    """Return `eleven days` or `36 seconds`: in the largest unit of which there are at least two, or exactly one."""
    size, word, _ = _unit(ms)
    count = ms / size
    names = _NUMBERS.split(",")
    number = names[int(count)] if spell and count in range(len(names)) else f"{count:.3g}"
    return f"{number} {word}" if count == 1 else f"{number} {word}s"


def _offsets(cadence: Cadence) -> str:
    size, _, short = _unit(cadence.offsets_ms[-1])
    return ", ".join(f"{offset / size:.3g} {short}" for offset in cadence.offsets_ms)


def _unit(ms: int) -> tuple[int, str, str]:
    return next((unit for unit in _UNITS if ms >= 2 * unit[0] or ms == unit[0]), _UNITS[-1])
