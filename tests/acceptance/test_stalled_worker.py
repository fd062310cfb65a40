"""A worker stalls in the middle of a send for longer than the heartbeat timeout, and then continues."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.acceptance.place import Place
from tests.acceptance.waiting import eventually
from tests.acceptance.website import person

STILL_S = 30.0

STILL_WORKING = {"provider": "resend", "operation": "emails.send", "kind": "slow", "seconds": 12, "count": 1}
"""The provider accepts the mail while the worker is stalled; until then it refuses another request with its key."""

ANSWER_LOST = {**STILL_WORKING, "kind": "hang", "seconds": 60, "after_commit": True}
"""The provider has accepted the mail, but its answer never arrives."""


@pytest.mark.parametrize("trouble", [STILL_WORKING, ANSWER_LOST], ids=["provider still working", "answer lost"])
def test_worker_that_stalls_for_half_a_minute_during_a_send_sends_nothing_twice(
    place: Place, trouble: dict[str, object]
) -> None:
    _, _, first = place.serve_all(RETRY_DELAY_SECONDS="1")
    place.sandbox.set_faults(trouble)
    place.website.post(person("Ada"), "msg_1")
    eventually(place.sandbox.asked_to_send, "a mail in the middle of being sent")

    os.kill(first.pid, signal.SIGSTOP)
    until = time.monotonic() + STILL_S
    place.start("worker", RETRY_DELAY_SECONDS="1")
    eventually(
        lambda: [row for row in place.sandbox.rows("Email Sequence") if row["Sequence Completed"]], "seven mails"
    )
    time.sleep(max(0.0, until - time.monotonic()))
    os.kill(first.pid, signal.SIGCONT)

    # The worker finishes the delivery it was processing before it stops.
    status, _ = first.stop()
    assert status == 0
    by_key = place.sandbox.mails_by_key()
    assert (7, {1}) == (len(by_key), set(by_key.values()))
    assert len(place.sandbox.inbox(person("Ada")["email"])) == 7
    figures = place.ask("status")
    assert (figures["completed"], figures["sent"], figures["dead_letters"]) == (1, 7, 0)
