"""The shapes of responses, for the OpenAPI description. The handlers build the responses themselves."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Identity = Annotated[str, Field(pattern="^enr_[a-z2-7]{16}$")]


class Answer(BaseModel):
    """Every member is always present; an unknown value is null."""

    model_config = ConfigDict(extra="forbid")


class SignupAnswer(Answer):
    """
    202 `accepted` for a new contact, 200 `duplicate` for a known one, 200 `closed` or `excluded` for one who may not
    enrol; a repeated id gets the same answer again.
    """

    status: Literal["accepted", "duplicate", "closed", "excluded"]
    message: str
    enrollment_id: Identity | None
    email: str
    segment: str | None
    campaign: str
    timestamp: datetime


class BookingAccepted(Answer):
    """
    The event is recorded; its effect is decided from all events of its booking.

    `booking_uid`: null when a booking was moved to one that the event does not name.
    """

    status: Literal["accepted"]
    event: str
    booking_uid: str | None
    email: str | None
    meeting_time: datetime | None
    timestamp: datetime


class FeedbackAccepted(Answer):
    """The event is on the timeline of the contact who received the mail."""

    status: Literal["accepted"]
    event: str
    delivery_id: str | None
    timestamp: datetime


class EventIgnored(Answer):
    """The event is genuine and has no effect here; it need not be sent again."""

    status: Literal["ignored"]
    event: str
    message: str


class InvalidField(Answer):
    field: str
    message: str


class ProblemDetails(BaseModel):
    """RFC 9457, with `errors` where fields are invalid. It repeats nothing that was sent."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["about:blank"]
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    detail: str
    errors: list[InvalidField] = []


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
    `dependencies`: store, spool, clock, notion and resend, each with its `status`. The providers never cause a 503.
    `warnings`: settings of the store that put data at risk, or a store of another SECRET_KEY or version.
    """

    status: Literal["ready", "unavailable"]
    timestamp: datetime
    dependencies: dict[str, dict[str, Any]]
    warnings: list[str]
