"""Sign up several contacts at once, and check that each gets every mail on time."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from tests.acceptance.place import Place
from tests.acceptance.waiting import eventually, on_time
from tests.acceptance.website import person

LATE_S = 0.5
"""Lateness allowed at this pace, for one contact or for many."""


def sign_up(place: Place, names: Iterable[str], **given: Any) -> dict[str, float]:
    """Sign up each name. Return, for each, the time in seconds at which the gateway received the signup."""
    signups = [(name, person(name, **given)) for name in names]
    answers = place.website.post_all([(who, f"msg_{name}") for name, who in signups], at_once=4, patience_s=5)
    assert {202} == {answer.status for answer in answers}
    return {
        name: datetime.fromisoformat(answer.json["timestamp"]).timestamp()
        for (name, _), answer in zip(signups, answers, strict=True)
    }


def all_mail_is_on_time(place: Place, signed_up: dict[str, float]) -> None:
    inboxes = {name: person(name)["email"] for name in signed_up}
    eventually(lambda: all(len(place.sandbox.inbox(to)) == 7 for to in inboxes.values()), "seven mails for everybody")
    for name, to in inboxes.items():
        for step, mail in enumerate(place.sandbox.inbox(to)):
            on_time(mail["accepted_at"] / 1_000 - signed_up[name] - step, LATE_S, f"mail {step + 1} of {name}")
