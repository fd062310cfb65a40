"""
The contacts of the recorded store and their events: every state that a contact, a mail or a booking can have.

Times are in steps of the cadence, counted from the end: at 0 the worker is killed, and then all other processes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from common.campaigns.loader import load_campaign
from common.clock import SystemClock
from common.domain.cadence import Pace
from common.domain.ids import enrollment_id
from common.ledger.ledger import Ledger
from common.store.clients import connect_async
from tests.acceptance.waiting import eventually
from tests.acceptance.website import person
from tests.recorded_store.place import SPEED, STEP_S, RecordingPlace, now_s

START = -6.9
WAITING = {"waiting7": -5.5, "waiting6": -4.5, "waiting5": -3.5, "waiting4": -2.5, "waiting3": -1.5, "waiting2": -0.5}
SIGNUPS = {
    "completed": START,
    "forgotten": START,
    "unsubscribed": START,
    "announced": START,
    **WAITING,
    "retrying": -3.5,
    "dead": -3.45,
    "held": -2.5,
    "paused": -2.45,
    "again": -2.4,
    # The worker is killed while their third mail is in flight.
    "unknown_told": -2.25,
    "unknown_accepted": -2.2,
    "unknown_lost": -2.2,
}
SPELLINGS = {"tagged+one": -3.6, "tagged+two": -2.6, "gone+news": START, "tagged_left+news": START}
"""Addresses with a tag; the first two belong to one mailbox. Recorded since 0.2.0."""
SENT_TO_TESTING_ADDRESSES = ("bounced", "complained")
HOT = {"assessment_score": 5, "red_systems": 6, "orange_systems": 0, "yellow_systems": 0, "green_systems": 2}


def address(name: str) -> str:
    return f"{name}@resend.dev" if name in SENT_TO_TESTING_ADDRESSES else f"{name}@people.example"


class Scenario:
    def __init__(self, place: RecordingPlace) -> None:
        self.place = place
        self.end_s = now_s() - START * STEP_S + 1

    def play(self) -> None:
        """Play everything up to the last kill."""
        acts = sorted(self._acts(), key=lambda act: act[0])
        for at, act in acts:
            time.sleep(max(0.0, self.end_s + at * STEP_S - now_s()))
            act()
        self._last_seconds()
        self._without_worker()
        self._without_store()

    # Until the last seconds

    def _acts(self) -> list[tuple[float, Callable[[], None]]]:
        acts: list[tuple[float, Callable[[], None]]] = [
            (at, self._sign_up(name, **(HOT if name == "announced" else {})))
            for name, at in (SIGNUPS | SPELLINGS).items()
        ]
        acts += [(START, self._sign_up(name)) for name in SENT_TO_TESTING_ADDRESSES]
        acts += [
            (-5.0, self._book("forgotten", start=8)),
            (-5.2, lambda: self.place.unsubscribes(address("unsubscribed"))),
            (-5.1, lambda: self.place.unsubscribes(address("tagged_left+news"))),
            (-2.9, lambda: self.place.command("forget", address("gone+news"), "--yes")),
            (-3.0, lambda: self.place.command("forget", address("forgotten"), "--yes")),
            (-2.1, self._faults),
            (-1.2, self._sign_up("again", assessment_score=77, red_systems=0, green_systems=3)),
            (-1.0, lambda: self.place.command("pause", "--contact", address("paused"), "--reason", "asked to wait")),
            (-0.8, self._hold("held")),
            (-0.45, self._outage),
        ]
        return acts + self._bookings()

    def _bookings(self) -> list[tuple[float, Callable[[], None]]]:
        return [
            (-4.1, self._book("no_show", start=-2, minutes=1)),
            (-4.0, self._book("reminded", start=0.5)),
            (-3.0, self._book("unknown_reminder", start=0.85)),
            (-3.1, self._book("dead_reminder", start=1.5)),
            (-3.0, self._book("retrying_reminder", start=4.5)),
            (-2.0, self._book("cancelled", start=7)),
            (-1.95, self._book("tagged_caller+call", start=8)),
            (-1.9, self._book("waiting5", start=7)),
            (-1.8, self._book("waiting4", start=8)),
            (-1.1, lambda: self._reschedule("waiting5", start=9)),
            (-1.0, lambda: self._calendar_act("cancelled", "cancel")),
            (-0.7, lambda: self._calendar_act("no_show", "absent")),
        ]

    def _faults(self) -> None:
        once = {"provider": "resend", "operation": "emails.send", "count": 1}
        for name in ("retrying", "retrying_reminder"):
            self.place.add_fault(**once, kind="status", status=500, contains=address(name))
        for name in ("dead", "dead_reminder"):
            self.place.add_fault(**once, kind="status", status=422, contains=address(name))

    def _outage(self) -> None:
        """Take Notion down, let the announcement endpoint hang, and leave requests to send some mails unanswered."""
        sends = {"provider": "resend", "operation": "emails.send", "kind": "hang", "seconds": 120}
        for name in ("unknown_told", "unknown_accepted", "unknown_reminder"):
            self.place.add_fault(**sends, after_commit=True, contains=address(name))
        self.place.add_fault(**sends, contains=address("unknown_lost"))
        self.place.add_fault(provider="notion", kind="status", status=503)
        self.place.endpoint.hangs = True
        for name in ("hot1", "hot2", "hot3"):
            self.place.signs_up(person(name, **HOT))

    # The last seconds: some mails are in flight, and the provider refuses all others

    def _last_seconds(self) -> None:
        self._until_met("unknown_told")
        time.sleep(0.5)
        self.place.sandbox.turn(webhooks=False)
        for name in ("unknown_accepted", "unknown_lost", "unknown_reminder"):
            self._until_met(name)
        self.place.add_fault(provider="resend", operation="emails.send", kind="status", status=401)
        for name in ("waiting1", "waiting1_behind"):
            self.place.signs_up(person(name))
        eventually(lambda: "resend 401" in self.place.sandbox.counts()["answers"], "a circuit that is open")
        time.sleep(0.7)
        self.place.freeze_supervisor()
        self.place.kill("worker")

    def _without_worker(self) -> None:
        self.place.signs_up(person("unclassified"))
        self.place.signs_up(person("unclassified_hot", **HOT))
        self.place.unsubscribes(address("waiting3"))
        self.place.calendar(uid="uid-waiting", email=address("booked_unread"), start=self._at(9))
        self.place.command("pause", "--reason", "the domain is being moved")

    def _without_store(self) -> None:
        self.place.kill_store()
        self.place.signs_up(person("spooled"))
        self.place.signs_up(person("waiting6", assessment_score=12))
        self.place.calendar("/uid-waiting4/cancel")
        self.place.hears_of_delivery(address("waiting2"))
        self.place.unsubscribes(address("waiting7"))
        for name in ("gateway", "console", "sandbox"):
            self.place.kill(name)
        self.place.kill_supervisor()

    # Parts

    def _until_met(self, name: str) -> None:
        eventually(lambda: self.place.met(address(name)), f"the mail of {name} under way")

    def _at(self, steps: float) -> float:
        return self.end_s + steps * STEP_S

    def _sign_up(self, name: str, **given: Any) -> Callable[[], None]:
        return lambda: self.place.signs_up(person(name, email=address(name), **given))

    def _book(self, name: str, *, start: float, minutes: float = 30) -> Callable[[], None]:
        def act() -> None:
            self.place.calendar(
                uid=f"uid-{name}", email=address(name), name=name, start=self._at(start), minutes=minutes
            )

        return act

    def _reschedule(self, name: str, *, start: float) -> None:
        self.place.calendar(f"/uid-{name}/reschedule", start=self._at(start))

    def _calendar_act(self, name: str, what: str) -> None:
        self.place.calendar(f"/uid-{name}/{what}")

    def _hold(self, name: str) -> Callable[[], None]:
        return lambda: asyncio.run(_hold(self.place.store_url, address(name)))


async def _hold(store_url: str, email: str) -> None:
    """Hold one enrollment through the ledger, because this version has no command for it."""
    client, campaign = connect_async(store_url), load_campaign("christmas_2025")
    cadence = campaign.cadence(Pace(testing=True, speed=SPEED))
    ledger = Ledger(client, campaign=campaign.key, cadence=cadence, secret_key="of no consequence here")
    held = await ledger.enrollments.hold(enrollment_id(campaign.key, email), "operator", now_ms=SystemClock().now_ms())
    assert held
    await client.aclose()
