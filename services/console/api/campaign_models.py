"""Request and response models of the JSON API for campaigns; see `models.py`."""

from __future__ import annotations

from pydantic import Field

from services.console.api.models import ApiModel


class CampaignItem(ApiModel):
    """
    A campaign and how many people it has.

    `version`: the version in force. `files_differ`: the files differ from it and have not been applied.
    """

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
    """
    The campaigns that run here.

    `is_complete`: false while the console is still reading the list of people after its start; until then, the numbers
    of people are too low.
    """

    is_complete: bool
    campaigns: list[CampaignItem]


class VersionEntry(ApiModel):
    """One change of the version in force. `source`: the version that was replaced."""

    version: str
    source: str | None
    action: str
    by: str
    at: str


class CampaignStep(ApiModel):
    """A mail of the campaign. `when`: before or after which event it is sent; `offset_ms`: how long before or after."""

    mail: str
    name: str
    offset_ms: int
    when: str


class BoardCell(ApiModel):
    segment: str
    people: int
    booked: int


class BoardRow(ApiModel):
    """People by segment: either those whose next mail is `step`, or those who have the status `status`."""

    step: int | str | None
    status: str | None
    cells: list[BoardCell]


class RateItem(ApiModel):
    """
    How many messages were delivered, bounced or complained about.

    `share`: of the messages that providers reported on; null if there are none. `bound`: the minimum for `delivered`,
    the maximum for the others. `kept`: whether `share` is within `bound`.
    """

    name: str
    number: int
    share: float | None
    bound: float
    kept: bool


class CampaignDetails(CampaignItem):
    """
    One campaign in detail.

    `following`: schedules are being updated to the version in force. `window`: when mail may be sent. `rates`: for all
    campaigns of the store together; null while the store does not answer.
    """

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
    """A rendered mail. `about`: for which reader. `problem`: why it cannot be rendered; "" if it can."""

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
    """One change, as in `advent campaign plan --json`. `people`: how many it affects."""

    kind: str
    step: str | None
    people: int


class VersionPlan(ApiModel):
    """
    What another version would change.

    `to`: the version that would be put in force. It is null if that version cannot be read, for the reason `problem`,
    and if there is no version before the one in force. `is_complete`: false while people are being counted, `counted`
    so far; then request the plan again later.
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
    """`from`, `to`: the versions that the plan named. `late`: also send new steps whose day has passed."""

    source: str = Field(alias="from")
    target: str = Field(alias="to")
    late: bool = False


class UnreadBooking(ApiModel):
    """A booking event of Cal.com that could not be read, for the reason `reason`. `raw`: its body."""

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
    """`discarded`: how many of the given events were there and are now deleted."""

    discarded: int
