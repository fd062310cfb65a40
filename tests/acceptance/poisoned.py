"""
A worker that dies of one mail: `python -m tests.acceptance.poisoned WHOM STEP`, with the settings of `advent worker`.

WHOM is the contact's address. The actors are the real ones, but when the mail of this step to this contact is about to
be sent, the process ends as if a library had crashed: no handler runs and nothing is logged.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from actors.sending import send
from services.cli.main import main

KILLED = 137


def poison(whom: str, step: int) -> None:
    send_attempt = send._send_attempt

    async def die_or_send(world: Any, claim: Any, *message: Any, attempt: int) -> None:
        if claim.address == whom and claim.delivery.name == f"step-{step}":
            os._exit(KILLED)
        await send_attempt(world, claim, *message, attempt=attempt)

    send._send_attempt = die_or_send


if __name__ == "__main__":
    poison(sys.argv[1], int(sys.argv[2]))
    sys.exit(main(["worker"]))
