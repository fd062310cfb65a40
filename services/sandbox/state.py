"""The state of a running sandbox."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.clock import Clock, SystemClock
from services.sandbox.dials import DialBoard, Dials, SandboxClock
from services.sandbox.disk import Disk
from services.sandbox.faults import FaultBoard
from services.sandbox.ids import TWILIO_NUMBER, TWILIO_SID, TWILIO_TOKEN
from services.sandbox.rate_windows import RateWindows


class Tally:
    """Counts of requests and responses since start, and the latest 200 suspicious requests."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self.answers: Counter[str] = Counter()
        self.suspicious: deque[dict[str, Any]] = deque(maxlen=200)

    def count_request(self, provider: str, operation: str) -> None:
        self.requests[f"{provider} {operation}"] += 1

    def count_answer(self, provider: str, status: str) -> None:
        """Count a response. `status`: the HTTP status, or `dropped` when the connection was cut instead."""
        self.answers[f"{provider} {status}"] += 1

    def note_suspicious(self, what: str, **where: Any) -> None:
        """
        Record a request that is allowed but rarely intended.

        An example is a query without a filter: the SDK silently drops a misspelt `filters=`, so every row is returned.
        """
        self.suspicious.append({"what": what, **where})

    def clear(self) -> None:
        self.requests.clear()
        self.answers.clear()
        self.suspicious.clear()


@dataclass(kw_only=True)
class Sandbox:
    """
    A running sandbox: its storage, clock, dials, fault rules and counts.

    `webhook_secret` (`whsec_…`) signs delivery events, `calcom_secret` signs booking events; both kinds are posted to
    `gateway_url`. `twilio_token` signs Twilio's callbacks: they are posted to `gateway_url`, but the signature is for
    `public_url`. `own_domains`: verified sender domains, in addition to the domains that mail was sent from.
    """

    disk: Disk
    board: DialBoard
    clock: SandboxClock
    faults: FaultBoard
    gateway_url: str = "http://127.0.0.1:8000"
    webhook_secret: str | None = None
    calcom_secret: str | None = None
    twilio_token: str = TWILIO_TOKEN
    twilio_sid: str = TWILIO_SID
    twilio_number: str = TWILIO_NUMBER
    public_url: str = "http://127.0.0.1:8000"
    own_domains: tuple[str, ...] = ()
    tally: Tally = field(default_factory=Tally)
    resend_windows: RateWindows = field(default_factory=lambda: RateWindows(1_000))
    notion_windows: RateWindows = field(default_factory=lambda: RateWindows(60_000))
    calcom_windows: RateWindows = field(default_factory=lambda: RateWindows(60_000))
    twilio_windows: RateWindows = field(default_factory=lambda: RateWindows(1_000))
    keys_in_progress: set[str] = field(default_factory=set)

    @property
    def dials(self) -> Dials:
        return self.board.now

    @property
    def webhook_url(self) -> str:
        return self.dials.webhook_url or f"{self.gateway_url}/webhook/resend"

    def close(self) -> None:
        self.disk.close()


def open_sandbox(
    directory: Path | None,
    *,
    clock: Clock | None = None,
    gateway_url: str = "http://127.0.0.1:8000",
    webhook_secret: str | None = None,
    calcom_secret: str | None = None,
    twilio_token: str = TWILIO_TOKEN,
    public_url: str | None = None,
    own_domains: tuple[str, ...] = (),
) -> Sandbox:
    """Open the sandbox stored in `directory`, or an empty one; None: nothing is stored. The caller closes it."""
    disk = Disk(None if directory is None else directory / "sandbox.sqlite3")
    board = DialBoard(disk)
    sandbox_clock = SandboxClock(clock or SystemClock(), board)
    return Sandbox(
        disk=disk,
        board=board,
        clock=sandbox_clock,
        faults=FaultBoard(disk, board),
        gateway_url=gateway_url,
        webhook_secret=webhook_secret,
        calcom_secret=calcom_secret,
        twilio_token=twilio_token,
        public_url=public_url or gateway_url,
        own_domains=own_domains,
    )
