"""Request and response models of the JSON API for queues and for work that waits for an operator; see `models.py`."""

from __future__ import annotations

from typing import Literal

from services.console.api.models import ApiModel


class QueueItem(ApiModel):
    """A queue with its numbers of jobs. `oldest_ms`: how long the oldest job of `ready` has waited."""

    queue: str
    delayed: int
    ready: int
    in_flight: int
    failed: int
    oldest_ms: int


class WorkerItem(ApiModel):
    """A worker. `silent_ms`: time since its last heartbeat."""

    worker: str
    alive: bool
    silent_ms: int
    in_flight: int


class Queues(ApiModel):
    queues: list[QueueItem]
    workers: list[WorkerItem]


class FailedJobItem(ApiModel):
    """A failed job. `error`: the last line of `traceback`; both are empty if no traceback was stored."""

    queue: str
    id: str
    actor: str
    args: list[str]
    failed: str
    error: str
    traceback: str


class FailedJobGroup(ApiModel):
    """Failed jobs of one actor. `error`: their error, or null for all errors of the actor together."""

    actor: str
    error: str | None
    number: int


class FailedJobs(ApiModel):
    """A page of failed jobs, newest first. `total`: how many there are; `groups` count only the newest `grouped`."""

    total: int
    grouped: int
    groups: list[FailedJobGroup]
    jobs: list[FailedJobItem]


class FailedJobName(ApiModel):
    queue: str
    id: str


class FailedJobChoice(ApiModel):
    """
    Which failed jobs: give exactly one of `jobs`, `actor`, and `all` = true.

    `error`: only this error of the actor. `queue`: only jobs of this queue.
    """

    jobs: list[FailedJobName] | None = None
    actor: str | None = None
    error: str | None = None
    all: bool = False
    queue: str | None = None


class FailedJobResult(ApiModel):
    """How many jobs had which result. `gone`: it was not a failed job any more."""

    requeued: int = 0
    deleted: int = 0
    gone: int = 0


class HeldSignupItem(ApiModel):
    """
    A held signup.

    `bound`: the limit that it exceeded: `hour` (SIGNUPS_PER_HOUR) or `source` (SIGNUPS_PER_SOURCE_PER_HOUR).
    """

    enrollment_id: str
    email: str
    first_name: str
    received: str
    bound: str
    visitor: str | None


class HeldSignups(ApiModel):
    total: int
    signups: list[HeldSignupItem]


class HeldSignupChoice(ApiModel):
    """Which held signups: give exactly one of `ids` (enrollment ids), `visitor`, and `all` = true."""

    ids: list[str] | None = None
    visitor: str | None = None
    all: bool = False


class HeldSignupResult(ApiModel):
    """`decided`: how many of the chosen signups were held and are now released or discarded."""

    decided: int


class UnmarkedCallItem(ApiModel):
    """A call that is over and unmarked. `effects`: what each mark would cause, in words."""

    id: str
    enrollment_id: str
    email: str
    first_name: str
    title: str
    ended: str
    effects: dict[Literal["completed", "no-show"], str]


class UnmarkedCalls(ApiModel):
    total: int
    calls: list[UnmarkedCallItem]


class CallMarks(ApiModel):
    ids: list[str]
    mark: Literal["completed", "no-show"]


class CallMarkResult(ApiModel):
    """How many calls had which result. `before`: the call was marked already; `unknown`: no such call is unmarked."""

    marked: int
    before: int
    unknown: int
