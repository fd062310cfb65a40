"""
The website, Cal.com and the contacts: all sign up, some twice, some book a call, some unsubscribe.

Each request is repeated until its answer is not a 5xx.
"""

from __future__ import annotations

import hmac
import http.client
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from common.domain.ids import BookingId, EnrollmentId, address_hash, booking_id, enrollment_id
from common.domain.suppression import Unsubscribe
from tests.acceptance.calcom import now_ms, reported
from tests.acceptance.http import Answer, request
from tests.acceptance.place import SECRETS
from tests.acceptance.website import Website, person

CAMPAIGN = "christmas_2025"
_THREADS = 16
_TIMEOUT_S = 8.0
_AGAIN, _TWICE, _LEAVE, _BOOK = 0.05, 0.05, 0.04, 0.05
"""Shares of the contacts: webhook repeated under its id, second signup, unsubscribe, booked call."""
_STORY_MIN = 6.0
"""Minutes from the first mail to the seventh in TESTING_MODE, at speed 1."""
_CALL_MIN = 9.0
"""Minutes from a booking to its call, at speed 1: time for all three reminders."""


@dataclass(order=True)
class Deed:
    at_s: float
    do: Callable[[], None] = field(compare=False)


class Crowd:
    """
    The simulated contacts and what they were told.

    Only requests that got a 2xx count: `answered`: enrollment id → address; `left`: enrollment ids that unsubscribed;
    `booked`: booking → start in ms.
    """

    def __init__(self, gateway_url: str, *, people: int, seed: int, duration_s: float, speed: float) -> None:
        self.answered: dict[str, str] = {}
        self.left: set[str] = set()
        self.booked: dict[BookingId, int] = {}
        self.complaints: list[str] = []
        self.requests = 0
        self._url = gateway_url
        self._website = Website(gateway_url, SECRETS["WEBHOOK_SECRET"])
        self._first: dict[str, bytes] = {}
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._call_in_ms = round(_CALL_MIN * 60_000 / speed)
        self._deeds = self._drawn(people, seed, duration_s, _STORY_MIN * 60 / speed)

    def start(self, began_s: float) -> None:
        for _ in range(_THREADS):
            self._threads.append(threading.Thread(target=self._act, args=(began_s,), daemon=True))
            self._threads[-1].start()

    @property
    def is_done(self) -> bool:
        return not any(thread.is_alive() for thread in self._threads)

    def stop(self) -> None:
        self._stopping.set()

    def _drawn(self, people: int, seed: int, duration_s: float, story_s: float) -> list[Deed]:
        random = Random(f"crowd {seed}")
        deeds: list[Deed] = []
        for number in range(people):
            at_s = duration_s * number / people
            deeds.append(Deed(at_s, lambda n=number: self._sign_up(n, f"msg_{n}")))
            later_s = at_s + random.uniform(0.5, story_s)
            dice = random.random()
            if dice < _AGAIN:
                deeds.append(Deed(later_s, lambda n=number: self._come_again(n)))
            elif dice < _AGAIN + _TWICE:
                deeds.append(Deed(later_s, lambda n=number: self._sign_up(n, f"msg_{n}_twice")))
            elif dice < _AGAIN + _TWICE + _LEAVE:
                deeds.append(Deed(later_s, lambda n=number: self._leave(n)))
            elif dice < _AGAIN + _TWICE + _LEAVE + _BOOK:
                deeds.append(Deed(later_s, lambda n=number: self._book(n)))
        return sorted(deeds, reverse=True)

    def _act(self, began_s: float) -> None:
        while not self._stopping.is_set():
            with self._lock:
                if not self._deeds:
                    return
                deed = self._deeds.pop()
            wait_s = began_s + deed.at_s - time.monotonic()
            if wait_s > 0 and self._stopping.wait(wait_s):
                return
            try:
                deed.do()
            except Exception as error:  # noqa: BLE001 -- whatever it is, it belongs into the report
                self.complaints.append(f"a request could not be made: {error!r}")

    def _sign_up(self, number: int, webhook_id: str) -> None:
        who = person(f"P{number}", red_systems=number % 4, yellow_systems=1)
        answer = self._until_taken(lambda: self._website.post(who, webhook_id))
        if answer is None:
            return
        expected = enrollment_id(CAMPAIGN, who["email"])
        if answer.status not in (200, 202) or answer.json["enrollment_id"] != expected:
            self.complaints.append(f"{webhook_id} was answered {answer.status}: {answer.body[:200]!r}")
            return
        self.answered[expected] = who["email"]
        self._first.setdefault(webhook_id, answer.body)

    def _come_again(self, number: int) -> None:
        """Repeat a webhook under its id; the answer must be the same as before, except for its timestamp."""
        webhook_id = f"msg_{number}"
        before = self._first.get(webhook_id)
        who = person(f"P{number}", red_systems=number % 4, yellow_systems=1)
        answer = self._until_taken(lambda: self._website.post(who, webhook_id))
        if (
            before is not None
            and answer is not None
            and _but_for_the_instant(answer.body) != _but_for_the_instant(before)
        ):
            self.complaints.append(f"{webhook_id} got another answer than before: {answer.body!r}, not {before!r}")

    def _book(self, number: int) -> None:
        """Report a booking as Cal.com does, twice, because that happens."""
        body = reported("booking_created", start_ms=(start_ms := now_ms() + self._call_in_ms))
        uid = f"chaos-{number}"
        body["payload"] |= {"uid": uid, "iCalUID": f"{uid}@cal.example"}
        body["payload"]["attendees"][0]["email"] = person(f"P{number}")["email"]
        raw = json.dumps(body).encode()
        signature = hmac.digest(SECRETS["CALCOM_WEBHOOK_SECRET"].encode(), raw, "sha256").hex()
        headers = {"content-type": "application/json", "x-cal-signature-256": signature}
        url = f"{self._url}/webhook/calcom-booking"
        for _ in range(2):
            answer = self._until_taken(lambda: request("POST", url, raw, headers, timeout_s=_TIMEOUT_S))
            if answer is None:
                return
            if answer.status != 202:
                self.complaints.append(f"a booking was answered {answer.status}: {answer.body[:200]!r}")
                return
            self.booked[booking_id(uid)] = start_ms

    def _leave(self, number: int) -> None:
        address = person(f"P{number}")["email"]
        enrollment = enrollment_id(CAMPAIGN, address)
        token = Unsubscribe(EnrollmentId(enrollment), address_hash(SECRETS["SECRET_KEY"], address))
        url = f"{self._url}/unsubscribe/{token.token(SECRETS['SECRET_KEY'])}"
        form = {"content-type": "application/x-www-form-urlencoded"}
        body = b"List-Unsubscribe=One-Click"
        answer = self._until_taken(lambda: request("POST", url, body, form, timeout_s=_TIMEOUT_S))
        if answer is not None and answer.status == 200:
            self.left.add(enrollment)
        elif answer is not None:
            self.complaints.append(f"an unsubscribe was answered {answer.status}")

    def _until_taken(self, ask: Callable[[], Answer]) -> Answer | None:
        """Return the first answer that is not a 5xx, or None if the run stops first."""
        while not self._stopping.is_set():
            self.requests += 1
            try:
                answer = ask()
                if answer.status < 500:
                    return answer
            except (OSError, http.client.HTTPException):
                pass
            self._stopping.wait(0.2)
        return None


def _but_for_the_instant(body: bytes) -> dict[str, Any]:
    """Return an answer without its timestamp, which nothing knows while the store is away and the spool is empty."""
    said: dict[str, Any] = json.loads(body)
    said.pop("timestamp", None)
    return said
