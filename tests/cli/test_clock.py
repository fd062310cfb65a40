"""`advent clock confirm`: a person says that the store's clock is right."""

from __future__ import annotations

import json

from common.ledger import keys
from common.store.clients import connect

HOLD = json.dumps({"since_ms": 1, "why": "the data store's clock is 25 h ahead", "cure": ""})


def test_confirming_the_clock_ends_only_holds_of_the_clock(run_command, store_url):
    with connect(store_url) as client:
        client.hset(keys.HOLD_ALL, mapping={"clock": HOLD, "clock/w1": HOLD, "restored": HOLD})

        status, said, _ = run_command("clock", "confirm")

        assert (status, client.hkeys(keys.HOLD_ALL)) == (0, [b"restored"])
        assert client.hget(keys.CLOCK, "confirmed") == b"1"
    assert "sending continues" in said


def test_confirming_the_clock_without_a_hold_says_so(run_command, store_url):
    status, said, _ = run_command("clock", "confirm")

    assert status == 0
    assert "no clock held any sending" in said
