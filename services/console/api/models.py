"""What the JSON API takes and answers; `/api/openapi.json` is generated from these. Timestamps are ISO 8601, UTC."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class ApiModel(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Person(ApiModel):
    """One enrollment in the list."""

    enrollment_id: str
    campaign: str
    email: str
    first_name: str
    business_name: str
    segment: str
    status: str
    exit_reason: str | None
    language: str | None
    signed_up: str
    next_step: int | str | None
    next_due: str | None
    booked: bool


class People(ApiModel):
    """`total`: how many match; `is_complete`: false while the list is still being read after a start."""

    total: int
    is_complete: bool
    people: list[Person]


class TimelineEntry(ApiModel):
    at: str
    what: str
    detail: str


class MailState(ApiModel):
    """
    One mail of the sequence, or a mail or SMS about a call. `to_come`: it may still be sent.

    `mail`: as actions name it; `subject`: of an SMS its text.
    """

    mail: str
    name: str
    subject: str
    channel: Literal["email", "sms"]
    at: str
    state: str
    why: str
    to_come: bool
    may_skip: bool
    may_send_now: bool


class PersonDetails(ApiModel):
    enrollment_id: str
    campaign: str
    email: str
    first_name: str
    segment: str | None
    status: str
    exit_reason: str | None
    language: str | None
    paused: bool
    suppressed: str | None
    happened: list[TimelineEntry]
    mails: list[MailState]


class DeadLetterItem(ApiModel):
    id: str
    enrollment_id: str
    reason: str
    attempts: int
    dead_since: str
    may_have_been_accepted: bool


class DeadLetterGroup(ApiModel):
    reason: str
    number: int
    replay: str


class DeadLetters(ApiModel):
    total: int
    groups: list[DeadLetterGroup]
    dead_letters: list[DeadLetterItem]


class ActionItem(ApiModel):
    at: str
    by: str
    via: Literal["console", "api", "cli"]
    what: str
    on: list[str]
    before: str
    after: str


class Actions(ApiModel):
    actions: list[ActionItem]


class ScheduledMails(ApiModel):
    campaign: str
    segment: str
    mails: int


class ScheduledSpan(ApiModel):
    start: str
    until: str
    number: int
    mails: list[ScheduledMails]


class ScheduleOverview(ApiModel):
    overdue: int
    hours: list[ScheduledSpan]
    days: list[ScheduledSpan]


class ScheduledMail(ApiModel):
    """`mail`: as the person has it. `segment`: "" of what is sent about a call."""

    enrollment_id: str
    mail: str
    name: str
    at: str
    campaign: str
    segment: str


class ScheduledMailList(ApiModel):
    """`total`: how many there are in all."""

    total: int
    mails: list[ScheduledMail]


class Decision(ApiModel):
    """What an action needs: `mail` of skip and send-now, `consent` of unsuppress, `confirm` (`yes`) of forget."""

    mail: str = ""
    reason: str = ""
    consent: str = ""
    ignore_gap: Literal["", "yes"] = ""
    confirm: Literal["", "yes"] = ""


class DecisionResult(ApiModel):
    """
    `answer`: `done`, `waits`, `asked`, or why nothing was done; `message`: the same in words.

    `job`: of forget, what a worker does at Resend.
    """

    done: bool
    answer: str
    message: str
    job: str | None = None


class DeadLetterChoice(ApiModel):
    """Those of these ids, those of one reason, or all."""

    ids: list[str] | None = None
    reason: str | None = None
    all: bool = False


class DeadLetterResult(ApiModel):
    replayed: int = 0
    asked: int = 0
    discarded: int = 0
    gone: int = 0


class ScopeChoice(ApiModel):
    """`scope`: `everybody`, or a campaign."""

    scope: str
    reason: str = ""


class ScopeResult(ApiModel):
    answer: Literal["paused", "was paused", "resumed", "was not paused"]


class TestMail(ApiModel):
    """
    `delivery`: as its person would get it now; else `campaign` and `mail`, for a made-up person of `segment`.

    `job`: an id of an earlier answer; the same one again asks nothing new.
    """

    to: str
    delivery: str = ""
    campaign: str = ""
    mail: str = ""
    language: str = ""
    segment: str = ""
    job: str = ""


class Job(ApiModel):
    """
    What a worker was asked to do. `failure`: why it did not, and what to do; `provider_id`: of the mail that it sent.

    `waits`: why it is tried again. `note`: why it is done, though nothing was changed. `notion_pages`: of the forgotten
    person, the rows that remain.
    """

    job: str
    kind: str
    state: Literal["asked", "done", "failed"]
    by: str
    asked: str
    ended: str | None
    failure: str
    provider_id: str
    waits: str
    note: str
    notion_pages: list[str]


class Problem(ApiModel):
    """RFC 9457."""

    model_config = ConfigDict(extra="allow", frozen=True)
    type: str
    title: str
    status: int
    detail: str
