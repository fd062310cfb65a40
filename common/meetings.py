"""The facts about a booked call that a mail or a calendar entry may show."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlencode

from common.campaigns.calendar import CalendarEntry
from common.campaigns.campaign import Campaign
from common.campaigns.facts import Meeting, call_entry
from common.clock import utc_datetime
from common.domain.calendar_link import CalendarLink
from common.domain.contact import Assessment
from common.domain.series import Booking, BookingState
from common.settings.settings import Settings


def meeting_of(
    settings: Settings, booking: Booking, start_ms: int, signup: Assessment | None, calendar_url: str | None = None
) -> Meeting:
    """
    Return the facts about a call that starts at `start_ms`.

    `signup`: the guest's, None for a guest who was never enrolled. The title is then left out: anybody can book a call
    for anybody, so a stranger may have written it. Without a time zone the hour is in UTC. A link is left out unless
    its host is one of MEETING_HOSTS.
    """
    return Meeting(
        first_name=booking.first_name,
        start=utc_datetime(start_ms),
        timezone=booking.timezone or (signup.timezone if signup else None),
        locale=booking.locale or (signup.locale if signup else None),
        title=booking.title if signup else None,
        join_url=_if_known(settings, booking.join_url),
        place=booking.place,
        organizer=booking.organizer,
        end=_end(booking, start_ms),
        calendar_url=calendar_url,
        reschedule_url=_if_known(settings, booking.reschedule_url),
        cancel_url=_if_known(settings, booking.cancel_url),
    )


def calendar_entry(
    settings: Settings, booking: Booking, signup: Assessment | None, campaign: Campaign, language: str | None
) -> CalendarEntry:
    """Return the calendar entry for the call as currently booked. `booking` must have a start and an `ical_uid`."""
    assert booking.start_ms is not None
    assert booking.ical_uid is not None
    translation = campaign.messages.translation(language)
    return call_entry(
        meeting_of(settings, booking, booking.start_ms, signup),
        translation.identity(campaign.identity(settings.identity)),
        translation.language,
        uid=booking.ical_uid,
        sequence=booking.sequence,
        is_tentative=booking.state is BookingState.AWAITING,
    )


def calendar_url(settings: Settings, link: CalendarLink, query: str) -> str:
    """Return the URL from which the guest's calendar program reads the call. `query`: see `link_query`."""
    return f"{settings.public_address}/calendar/{link.token(settings.secret)}.ics{query}"


def link_query(campaign: Campaign, language: str, *, is_default: bool) -> str:
    """Return the query of a link: campaign and language, because the page behind it must work without the store."""
    named = {} if is_default else {"campaign": campaign.key}
    if language != campaign.languages[0]:
        named["lang"] = language
    return f"?{urlencode(named)}" if named else ""


def _end(booking: Booking, start_ms: int) -> datetime | None:
    """Return the end of the call, or None for an earlier start than the current one, whose end is not stored."""
    return utc_datetime(booking.end_ms) if booking.end_ms and start_ms == booking.start_ms else None


def _if_known(settings: Settings, url: str | None) -> str | None:
    return url if url and settings.may_link_to(url) else None
