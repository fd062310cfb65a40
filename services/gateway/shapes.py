"""The shapes of answers, for those who read the description instead of the code; the handlers make them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Identity = Annotated[str, Field(pattern="^enr_[a-z2-7]{16}$")]


class Answer(BaseModel):
    """Every member is always there; what an answer cannot know is null."""

    model_config = ConfigDict(extra="forbid")


class SignupAnswer(Answer):
    """202 `accepted` for a new person, 200 `duplicate` for a known one; a repeated id gets what it got before."""

    status: Literal["accepted", "duplicate"]
    message: str
    enrollment_id: Identity
    email: str
    segment: Literal["CRITICAL", "URGENT", "OPTIMIZE"]
    campaign: str
    timestamp: datetime


class BookingAccepted(Answer):
    """The event is kept; what follows from it is decided from all events of its booking."""

    status: Literal["accepted"]
    event: str
    booking_uid: str
    email: str | None
    meeting_time: datetime | None
    timestamp: datetime


class FeedbackAccepted(Answer):
    """The event is on the timeline of the person whose mail it is about."""

    status: Literal["accepted"]
    event: str
    delivery_id: str
    timestamp: datetime


class EventIgnored(Answer):
    """The event is genuine and changes nothing here; it need not be sent again."""

    status: Literal["ignored"]
    event: str
    message: str


class FieldAtFault(Answer):
    field: str
    message: str


class ProblemDetails(BaseModel):
    """RFC 9457; `errors` where a field is at fault. It repeats nothing that was sent."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["about:blank"]
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    detail: str
    errors: list[FieldAtFault] = []


class Environment(Answer):
    testing_mode: bool
    notion_configured: bool
    resend_configured: bool


class Health(Answer):
    status: Literal["healthy"]
    timestamp: datetime
    environment: Environment


class Ready(Answer):
    """
    `dependencies`: store, spool, notion, resend, each with its `status`; the providers never make it red. `warnings`:
    where the store promises less than it should, or is not the one that this gateway was started over.
    """

    status: Literal["ready", "unavailable"]
    timestamp: datetime
    dependencies: dict[str, dict[str, Any]]
    warnings: list[str]
