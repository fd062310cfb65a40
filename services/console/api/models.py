"""
Request and response models of the JSON API; `/api/openapi.json` is generated from them.

Timestamps are ISO 8601, UTC.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class ApiModel(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Person(ApiModel):
    """One enrollment. `next_step`: the step that is sent next; null if there is none."""

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
    """
    A page of the people who match. `total`: how many match in all.

    `is_complete`: false while the console is still reading the list of people after its start.
    """

    total: int
    is_complete: bool
    people: list[Person]


class TimelineEntry(ApiModel):
    at: str
    what: str
    detail: str


class MailState(ApiModel):
    """
    One mail of the sequence, or a mail or SMS about a call.

    `mail`: the name to use in `skip` and `send-now`; `name`: the name that the team gave it; `subject`: for an SMS, its
    text. `why`: the reason for `state`. `to_come`: it may still be sent.
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
    """One enrollment with its timeline and mails. `suppressed`: why the address gets no mail; null if it gets mail."""

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
    """The dead letters of one reason. `replay`: what a replay would do, in words."""

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
    """
    A mail or SMS that is scheduled.

    `mail`: the name that `PersonDetails.mails` has; `name`: the name that the team gave it. `segment`: "" for a message
    about a call.
    """

    enrollment_id: str
    mail: str
    name: str
    at: str
    campaign: str
    segment: str


class ScheduledMailList(ApiModel):
    """A page of scheduled mails, soonest first. `total`: how many there are in all."""

    total: int
    mails: list[ScheduledMail]


class Decision(ApiModel):
    """
    The input of an action.

    Required: `mail` for skip and send-now, `consent` (how and when the person asked for mail) for unsuppress, and
    `confirm` = `yes` for forget. Optional: `reason` for pause and skip, `ignore_gap` = `yes` for send-now.
    """

    mail: str = ""
    reason: str = ""
    consent: str = ""
    ignore_gap: Literal["", "yes"] = ""
    confirm: Literal["", "yes"] = ""


class DecisionResult(ApiModel):
    """
    The result of an action.

    `done`: whether the action was carried out or accepted. `answer`: `done`, `waits`, `asked`, or the reason why
    nothing was done; `message`: the same in words. `job`: after forget, the job with which a worker completes it at
    Resend.
    """

    done: bool
    answer: str
    message: str
    job: str | None = None


class DeadLetterChoice(ApiModel):
    """Which dead letters: give exactly one of `ids`, `reason`, and `all` = true."""

    ids: list[str] | None = None
    reason: str | None = None
    all: bool = False


class DeadLetterResult(ApiModel):
    """
    How many dead letters had which result.

    `asked`: a worker first checks the provider's list, then sends the message or records why not. `gone`: it was
    not a dead letter any more, or had changed.
    """

    replayed: int = 0
    asked: int = 0
    discarded: int = 0
    gone: int = 0


class ScopeChoice(ApiModel):
    """`scope`: `everybody`, or the key of a campaign. `reason`: why it is paused."""

    scope: str
    reason: str = ""


class ScopeResult(ApiModel):
    answer: Literal["paused", "was paused", "resumed", "was not paused"]


class TestMail(ApiModel):
    """
    Which test mail to send to the address `to`.

    Give either `delivery`, to send it as its recipient would get it now, or `campaign` and `mail`, for a made-up person
    of `segment`. `job`: a job id from an earlier answer; a request that repeats it starts no new job.
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
    A task for a worker. `asked`, `ended`: when it was requested and when it ended.

    `failure`: why the worker could not do it, and what to do; `provider_id`: the id of the mail that was sent. `waits`:
    why it will be tried again. `note`: why it counts as done although nothing was changed. `notion_pages`: the rows of
    a forgotten person that are still in Notion.
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
    """An error, in the format of RFC 9457."""

    model_config = ConfigDict(extra="allow", frozen=True)
    type: str
    title: str
    status: int
    detail: str
