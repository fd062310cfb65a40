"""What the JSON API takes and answers about campaigns; see `models.py`."""

from __future__ import annotations

from pydantic import Field

from services.console.api.models import ApiModel


class CampaignItem(ApiModel):
    """`version`: the one in force. `files_differ`: other files wait to be applied."""

    campaign: str
    name: str
    version: str
    languages: list[str]
    open: bool
    paused: bool
    files_differ: bool
    people: int
    booked: int


class Campaigns(ApiModel):
    """`is_complete`: false while the list of people is still being read after a start."""

    is_complete: bool
    campaigns: list[CampaignItem]


class VersionEntry(ApiModel):
    version: str
    source: str | None
    action: str
    by: str
    at: str


class CampaignStep(ApiModel):
    """`offset_ms`: how long before or after what `when` says."""

    mail: str
    name: str
    offset_ms: int
    when: str


class BoardCell(ApiModel):
    segment: str
    people: int
    booked: int


class BoardRow(ApiModel):
    """Those who wait for a mail, `step`, or who have one `status`."""

    step: int | str | None
    status: str | None
    cells: list[BoardCell]


class RateItem(ApiModel):
    """`share`: of what was reported; null where nothing was. `bound`: the least of delivered, the most of others."""

    name: str
    number: int
    share: float | None
    bound: float
    kept: bool


class CampaignDetails(CampaignItem):
    """`rates`: of all campaigns of the store together; null while it does not answer."""

    opens: str | None
    closes: str | None
    timezone: str
    window: str
    following: bool
    log: list[VersionEntry]
    steps: list[CampaignStep]
    board: list[BoardRow]
    rates: list[RateItem] | None
    unread_bookings: int


class GalleryMail(ApiModel):
    mail: str
    name: str
    about: str
    subject: str
    preheader: str
    html: str
    text: str
    problem: str


class Gallery(ApiModel):
    version: str
    mails: list[GalleryMail]


class PlannedChange(ApiModel):
    """As `advent campaign plan --json`."""

    kind: str
    step: str | None
    people: int


class VersionPlan(ApiModel):
    """
    `to`: null where there is none, for the reason `problem`. `is_complete`: false while everybody is being read, of
    whom `counted` were; ask again then.
    """

    campaign: str
    source: str = Field(alias="from")
    target: str | None = Field(alias="to")
    problem: str
    is_complete: bool
    counted: int
    people: int
    changes: list[PlannedChange]
    due_at_once: int
    repeated: list[str]
    settings: list[str]
    counts: dict[str, dict[str, int]]


class VersionChoice(ApiModel):
    """`from`, `to`: as the plan named them; `late`: send new steps whose day has passed too."""

    source: str = Field(alias="from")
    target: str = Field(alias="to")
    late: bool = False


class UnreadBooking(ApiModel):
    id: str
    received: str
    reason: str
    raw: str


class UnreadBookings(ApiModel):
    total: int
    events: list[UnreadBooking]


class UnreadBookingChoice(ApiModel):
    ids: list[str]


class Discarded(ApiModel):
    discarded: int
