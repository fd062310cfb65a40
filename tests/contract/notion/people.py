"""Contacts to show in Notion, and helpers for Notion's answers and failures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from common.domain.contact import Assessment, Segment
from common.domain.contact_booking_status import UnenrolledContact
from common.domain.delivery import DeliveryStatus, Record
from common.domain.enrollment import Enrollment, Status
from common.domain.ids import enrollment_id
from common.errors import Failure
from common.providers.budget import Unlimited
from common.providers.notion.mirror import NotionMirror
from tests.contract.scripted import Answer, says

ANCHOR_MS = 1_764_000_000_000
ADA = Enrollment(
    id=enrollment_id("christmas_2025", "ada@salon.example"),
    campaign="christmas_2025",
    status=Status.ACTIVE,
    segment=Segment.URGENT,
    assessment=Assessment(
        email="ada@salon.example", first_name="Ada", assessment_score=62, business_name="Salon Ada", red_systems=1
    ),
    anchor_ms=ANCHOR_MS,
    assessed_ms=ANCHOR_MS,
)


class Patience(Unlimited):
    """A budget that counts requests and records the waits that the provider demands."""

    def __init__(self) -> None:
        self.taken = 0
        self.pushed: list[int] = []

    async def take(self) -> None:
        self.taken += 1

    async def push(self, retry_after_ms: int) -> None:
        self.pushed.append(retry_after_ms)


MakeMirror = Callable[..., NotionMirror]


BORIS = UnenrolledContact(
    id=enrollment_id("christmas_2025", "boris@salon.example"), email="boris@salon.example", first_name="Boris"
)


def kept(enrollment: Enrollment, pages: dict[str, str]) -> Enrollment:
    return replace(enrollment, pages=enrollment.pages | pages)


def sent(enrollment: Enrollment, step: int) -> Enrollment:
    record = Record(status=DeliveryStatus.ACCEPTED, at_ms=ANCHOR_MS, attempts=1, detail="id", sent_ms=ANCHOR_MS + step)
    return replace(enrollment, records=enrollment.records | {step: record})


def error(status: int, code: str, more: dict[str, Any] | None = None, headers: dict[str, str] | None = None) -> Answer:
    body: dict[str, Any] = {"object": "error", "status": status, "code": code, "message": "said so", "request_id": "r"}
    return says(status, body | ({"additional_data": more} if more else {}), headers)


async def failure_of(mirror: NotionMirror, enrollment: Enrollment = ADA) -> Failure:
    with pytest.raises(Failure) as raised:
        await mirror.show(enrollment)
    return raised.value
