"""Everything a running sandbox holds, in one place."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from common.clock import Clock, SystemClock
from services.sandbox.budget import Windows
from services.sandbox.dials import DialBoard, Dials, SandboxClock
from services.sandbox.disk import Disk
from services.sandbox.faults import FaultBoard
from services.sandbox.notion.shelf import Shelf
from services.sandbox.tally import Tally


@dataclass(kw_only=True)
class Sandbox:
    """
    `webhook_secret` (`whsec_…`) signs delivery events, `calcom_secret` what is told of bookings; `gateway_url` is where
    the gateway listens.
    """

    disk: Disk
    board: DialBoard
    clock: SandboxClock
    faults: FaultBoard
    shelf: Shelf
    gateway_url: str = "http://127.0.0.1:8000"
    webhook_secret: str | None = None
    calcom_secret: str | None = None
    own_domains: tuple[str, ...] = ()
    tally: Tally = field(default_factory=Tally)
    resend_windows: Windows = field(default_factory=lambda: Windows(1_000))
    notion_windows: Windows = field(default_factory=lambda: Windows(60_000))
    calcom_windows: Windows = field(default_factory=lambda: Windows(60_000))
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
    own_domains: tuple[str, ...] = (),
) -> Sandbox:
    """
    Opens what was kept in `directory`, or starts afresh there; None keeps nothing. Close it when done.

    `own_domains` are listed as verified sender domains beside those that mail has come from.
    """
    disk = Disk(None if directory is None else directory / "sandbox.sqlite3")
    board = DialBoard(disk)
    sandbox_clock = SandboxClock(clock or SystemClock(), board)
    return Sandbox(
        disk=disk,
        board=board,
        clock=sandbox_clock,
        faults=FaultBoard(disk, board),
        shelf=Shelf(disk, sandbox_clock),
        gateway_url=gateway_url,
        webhook_secret=webhook_secret,
        calcom_secret=calcom_secret,
        own_domains=own_domains,
    )
