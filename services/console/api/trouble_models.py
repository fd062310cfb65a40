"""What the JSON API takes and answers about what waits for a person; see `models.py`."""

from __future__ import annotations

from typing import Literal

from services.console.api.models import ApiModel


class QueueItem(ApiModel):
    """`oldest_ms`: for how long the oldest of `ready` has waited."""

    queue: str
    delayed: int
    ready: int
    in_flight: int
    failed: int
    oldest_ms: int


class WorkerItem(ApiModel):
    """`silent_ms`: since its last heartbeat."""

    worker: str
    alive: bool
    silent_ms: int
    in_flight: int


class Queues(ApiModel):
    queues: list[QueueItem]
    workers: list[WorkerItem]


class FailedJobItem(ApiModel):
    """`error`: the last line of the traceback; both are empty where none was kept."""

    queue: str
    id: str
    actor: str
    args: list[str]
    failed: str
    error: str
    traceback: str


class FailedJobGroup(ApiModel):
    """`error`: null for every error of the actor."""

    actor: str
    error: str | None
    number: int


class FailedJobs(ApiModel):
    """`grouped`: how many of `total` the groups count, the newest."""

    total: int
    grouped: int
    groups: list[FailedJobGroup]
    jobs: list[FailedJobItem]


class FailedJobName(ApiModel):
    queue: str
    id: str


class FailedJobChoice(ApiModel):
    """These `jobs`, or those of one `actor`, with `error` of that error only, or `all`; `queue`: of that one only."""

    jobs: list[FailedJobName] | None = None
    actor: str | None = None
    error: str | None = None
    all: bool = False
    queue: str | None = None


class FailedJobResult(ApiModel):
    requeued: int = 0
    deleted: int = 0
    gone: int = 0


class HeldSignupItem(ApiModel):
    """`bound`: the setting that it is beyond."""

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
    """Those of these enrollment ids, those of one visitor, or all."""

    ids: list[str] | None = None
    visitor: str | None = None
    all: bool = False


class HeldSignupResult(ApiModel):
    """How many of the chosen were held, and are not any more."""

    decided: int


class UnmarkedCallItem(ApiModel):
    """`effects`: what follows from each mark, in words."""

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
    """`before`: of these somebody had said how they went; `unknown`: no such call is unmarked."""

    marked: int
    before: int
    unknown: int
