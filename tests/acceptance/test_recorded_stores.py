"""
The data of an earlier version works in this one: each contact gets the mails still missing, and none twice.

The recorded `DATA_DIR` has contacts in every situation, see `tests/recorded_store/scenario.py`. Its due times passed
long ago, so everything is overdue.
"""

from __future__ import annotations

import sqlite3
import time

import pytest
from dotenv import dotenv_values

from common.domain.ids import enrollment_id
from services.sandbox.ids import NOTION_TOKEN
from tests.acceptance.http import request
from tests.acceptance.place import UNLIMITED, Place
from tests.acceptance.waiting import eventually
from tests.recorded_store import recording
from tests.recorded_store.place import tell_delivered
from tests.recorded_store.scenario import SIGNUPS, address

STEPS = range(1, 8)
LEFT = ("unsubscribed", "bounced", "complained", "waiting3", "waiting7")
"""Contacts who had exited, or whose unsubscription was in the spool."""
NEW = ("hot1", "hot2", "hot3", "waiting1", "waiting1_behind", "unclassified", "unclassified_hot", "spooled")
COMPLETED = {
    "0.1.0": [name for name in (*SIGNUPS, *NEW) if name not in (*LEFT, "forgotten", "held")],
}
COMPLETED["0.2.0"] = [*COMPLETED["0.1.0"], "tagged+one", "tagged+two"]
FORGOTTEN = {"0.1.0": ("forgotten",), "0.2.0": ("forgotten", "gone+news")}
DEAD = 2
"""The mail and the reminder that the provider refused."""
EXITED = {"0.1.0": len(LEFT), "0.2.0": len(LEFT) + 1}


NEVER_ACCEPTED = ("retrying", "unknown_lost")
"""Contacts whose third mail was requested without a clear answer, and was not accepted."""
HOUR_MS = 3_600_000

VERSIONS = pytest.mark.parametrize("version", ["0.1.0", "0.2.0"])


@VERSIONS
def test_store_of_an_earlier_version_finishes_without_lost_or_doubled_mail(place: Place, version: str) -> None:
    """Requests that got no answer were made an hour ago: they are repeated with the bytes of the earlier version."""
    recording.load_data_dir(version, place.data_dir, attempted_ms=_now_ms() - HOUR_MS)
    before = _start_paused(place)

    _resume(place, version)

    _all_mails_are_sent_once(place, version, before)
    _audit_finds_nothing(place, version)


@VERSIONS
def test_store_of_an_earlier_version_that_is_days_old_asks_a_person_about_unanswered_requests(
    place: Place, version: str
) -> None:
    """The provider no longer knows their idempotency keys. A replay sends what it does not list."""
    recording.load_data_dir(version, place.data_dir, attempted_ms=_now_ms() - 48 * HOUR_MS)
    before = _start_paused(place)

    _resume(place, version)
    assert place.ask("status")["dead_letters"] == DEAD + len(NEVER_ACCEPTED)
    for name in NEVER_ACCEPTED:
        delivery = f"{enrollment_id(_campaign(before), address(name))}/step-3"
        assert place.run("dead", "replay", delivery).wait() == 0

    _all_mails_are_sent_once(place, version, before)
    _audit_finds_nothing(place, version)


def _start_paused(place: Place) -> dict[str, int]:
    """Start all processes on the recorded data. Return, for each key, how many mails had been accepted."""
    before = _accepted(place)
    place.settings = {
        **{name: value for name, value in place.settings.items() if not name.endswith(("SECRET", "_KEY"))},
        "PUBLIC_URL": "https://advent.example",
        "RETRY_DELAY_SECONDS": "0.5",
        **UNLIMITED,
    }
    place.up()
    place.sandbox.set_faults()
    place.sandbox.lift_rate_limits()
    place.sandbox.turn(webhooks=True)
    assert before == place.sandbox.mails_by_key(), "nothing is sent while everybody is paused"
    return before


def _resume(place: Place, version: str) -> None:
    assert place.run("resume").wait() == 0
    assert place.run("resume", "--contact", address("paused")).wait() == 0
    eventually(lambda: _completed(place) == len(COMPLETED[version]), "everybody who stays has all mails", within_s=60)


def _all_mails_are_sent_once(place: Place, version: str, before: dict[str, int]) -> None:
    expected = _expected_mails(before, COMPLETED[version])

    def sent() -> set[str]:
        return {key for key in place.sandbox.mails_by_key() if "/enr_" in key}

    eventually(lambda: expected <= sent(), "every mail")
    assert expected == sent()
    assert {1} == set(place.sandbox.mails_by_key().values()), "a mail was accepted twice"
    assert before.keys() <= place.sandbox.mails_by_key().keys()
    status = place.ask("status")
    assert (EXITED[version], 1, DEAD) == (status["exited"], status["active"], status["dead_letters"])
    assert place.ask("contact", address("held"))["status"] == "active"


def _audit_finds_nothing(place: Place, version: str) -> None:
    # The call began before the outcome of its last reminder could be queried; the provider's webhook reports it.
    secret = dotenv_values(place.data_dir / "secrets.env")["RESEND_WEBHOOK_SECRET"]
    tell_delivered(place, str(secret), place.sandbox.inbox(address("unknown_reminder"))[-1])
    for name in FORGOTTEN[version]:
        _erase_in_notion(place, address(name))
    eventually(lambda: place.run("audit").wait() == 0, "0 missing, 0 doubled, 0 unexplained", within_s=60)


def _accepted(place: Place) -> dict[str, int]:
    """Return, for each key, how many mails the provider had accepted when the store was recorded."""
    with sqlite3.connect(place.data_dir / "sandbox" / "sandbox.sqlite3") as sandbox:
        rows = sandbox.execute("SELECT idempotency_key, count(*) FROM mails GROUP BY 1").fetchall()
    return dict(rows)


def _erase_in_notion(place: Place, email: str) -> None:
    """Erase the row of a forgotten contact in Notion, as `advent forget` instructs its operator."""
    headers = {
        "authorization": f"Bearer {NOTION_TOKEN}",
        "notion-version": "2025-09-03",
        "content-type": "application/json",
    }
    rows = request("GET", f"{place.sandbox.url}/notion.json").json["Email Sequence"]
    [page] = [row["id"] for row in rows if row["properties"]["Email"] == email]
    url = f"{place.sandbox.url}/notion/v1/pages/{page}"
    assert request("PATCH", url, b'{"in_trash": true}', headers).status == 200


def _completed(place: Place) -> int:
    counted: int = place.ask("status")["completed"]
    return counted


def _expected_mails(before: dict[str, int], completed: list[str]) -> set[str]:
    """Return the keys of all mails to enrolled contacts: those accepted before, and all mails to contacts who stay."""
    campaign = _campaign(before)
    everything = {
        f"{campaign}/{enrollment_id(campaign, address(name))}/step-{step}"
        for name in completed
        for step in STEPS
        if (name, step) != ("dead", 3)
    }
    return everything | {key for key in before if "/enr_" in key}


def _campaign(before: dict[str, int]) -> str:
    return next(iter(before)).partition("/")[0]


def _now_ms() -> int:
    return int(time.time() * 1000)
