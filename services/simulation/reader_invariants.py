"""The promises to the reader of a mail: it is sent at suitable hours, on working days, in their language."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from zoneinfo import ZoneInfo

import holidays

from common.domain.booking import BookingEvent
from common.domain.delivery import Channel, Kind, Record, delivery_of
from common.domain.enrollment import Enrollment
from common.domain.ids import DeliveryId, EnrollmentId, step_name, step_of
from common.domain.mail import Mail
from common.domain.windows import local_day, zone_named
from services.simulation.edits import VersionInForce
from services.simulation.engine import SignedUp
from services.simulation.finished_run import FinishedRun, Invariant


def mail_goes_within_its_window(run: FinishedRun) -> Iterator[str]:
    """A step or follow-up is sent only while its campaign's window is open for its reader."""
    for mail in _waiting_for_windows(run):
        assert mail.version.window is not None
        window, _ = mail.version.window
        if all(window.opening_ms(mail.sent_ms, zone) != mail.sent_ms for zone in mail.zones):
            yield f"{mail.name} was sent outside the sending window"


def no_mail_goes_on_a_holiday(run: FinishedRun) -> Iterator[str]:
    """A step or follow-up is not sent on a public holiday of its campaign, by the date where its reader is."""
    for mail in _waiting_for_windows(run):
        declared = mail.version.campaign.compiled.sending_window
        if declared is None or declared.holidays is None:
            continue
        days = [local_day(mail.sent_ms, zone) for zone in mail.zones]
        if all(day in _holidays(declared.holidays, day.year) for day in days):
            yield f"{mail.name} was sent on a holiday of {declared.holidays}"


@dataclass(frozen=True, slots=True)
class _Sent:
    """A mail to which a sending window applies. `zones`: one of these is its reader's."""

    name: str
    sent_ms: int
    version: VersionInForce
    zones: Sequence[ZoneInfo]


def _waiting_for_windows(run: FinishedRun) -> Iterator[_Sent]:
    """Yield the mails that wait for windows: no reminders, which are sent earlier instead, and no retries."""
    for name, campaign, record, names in (*_steps(run), *_follow_ups(run)):
        version = run.in_force(campaign, record.sent_ms or 0)
        if record.sent_ms is None or record.attempts > 1 or version.window is None:
            continue
        _, default_zone = version.window
        zones = [zone for zone in map(zone_named, names) if zone is not None]
        yield _Sent(name, record.sent_ms, version, zones or [default_zone])


_Named = tuple[str, str, Record, Sequence[str | None]]
"""Delivery, campaign, record, and the names of time zones that may be the reader's."""


def _steps(run: FinishedRun) -> Iterator[_Named]:
    calls: dict[str, list[BookingEvent]] = defaultdict(list)
    for history in run.histories.values():
        calls[history.address].append(history.booked)
    for enrollment, step, sent_ms in run.sent():
        signup = enrollment.assessment.timezone
        default = run.in_force(enrollment.campaign, sent_ms).campaign.compiled.timezone
        names = [signup] if signup else _zones_of(calls[enrollment.assessment.email], sent_ms, default)
        yield f"{enrollment.id}/{step_name(step)}", enrollment.campaign, enrollment.records[step], names


def _zones_of(calls: Sequence[BookingEvent], at_ms: int, default: str) -> list[str | None]:
    """Return the zones of the calls that were booked by then. A call that is booked just then may count or not."""
    before = [one.timezone for one in calls if one.received_ms < at_ms]
    just_then = [one.timezone for one in calls if one.received_ms == at_ms]
    return [*before, *just_then, *([] if any(before) else [default])]


def _follow_ups(run: FinishedRun) -> Iterator[_Named]:
    signups: dict[str | None, list[str | None]] = defaultdict(list)
    for enrollment in run.enrollments:
        signups[enrollment.assessment.email].append(enrollment.assessment.timezone)
    for call in run.calls:
        booking = call.booking
        for name, record in call.records.items():
            delivery = delivery_of(DeliveryId(f"{booking.id}/{name}"))
            if (delivery.kind, delivery.channel) == (Kind.FOLLOW_UP, Channel.EMAIL):
                yield (
                    delivery.id,
                    run.default_campaign,
                    record,
                    [booking.timezone] if booking.timezone else signups[booking.email],
                )


@cache
def _holidays(region: str, year: int) -> Collection[date]:
    country, _, subdivision = region.partition("-")
    return holidays.country_holidays(country, subdiv=subdivision or None, years=year)


def a_mail_is_in_one_language(run: FinishedRun) -> Iterator[str]:
    """Frame and text are in the language of the reader, and nothing is in another one."""
    for at_ms, mail, reader in _accepted_steps(run):
        campaign = run.in_force(mail.tags["campaign"], at_ms).campaign
        chosen = reader.language if reader.language in campaign.languages else campaign.languages[0]
        words = {tag: one.strings.frame.unsubscribe_rest for tag, one in campaign.translations.items()}
        others = {text for text in words.values() if text != words[chosen]}
        if f'lang="{chosen}"' not in mail.html or words[chosen] not in mail.html:
            yield f"{reader.id}/{mail.tags['step']} is not in {chosen}"
        elif any(text in mail.html for text in others):
            yield f"{reader.id}/{mail.tags['step']} is in two languages"


def a_language_counts_from_its_version_on(run: FinishedRun) -> Iterator[str]:
    """
    Contacts who signed up before the campaign had their language get the default one; later ones get their own.

    The check uses an independent record of the signups, not the ledger.
    """
    signups: dict[tuple[str, str], list[SignedUp]] = defaultdict(list)
    for signup in run.signups:
        signups[signup.address, signup.campaign].append(signup)
    for at_ms, mail, reader in _accepted_steps(run):
        if reader.records[step_of(mail.tags["step"])].attempts > 1:
            continue  # It may have been frozen in an earlier version.
        theirs = [one for one in signups[reader.assessment.email, reader.campaign] if one.at_ms <= at_ms]
        languages = _languages_of(run, reader, theirs, at_ms)
        if not any(f'lang="{language}"' in mail.html for language in languages):
            yield f"{reader.id}/{mail.tags['step']} is not in {' or '.join(sorted(languages))}"


def _languages_of(run: FinishedRun, reader: Enrollment, signups: Sequence[SignedUp], at_ms: int) -> set[str]:
    """Return the reader's languages then; two while a version is put in force. `signups`: the reader's until then."""
    chosen: set[str | None] = {None}
    for signup in signups:
        named = {one.campaign.matching_language(signup.locale) for one in _versions_at(run, reader, signup.at_ms)}
        chosen = named if None not in named else chosen | named
    versions = [one.campaign for one in _versions_at(run, reader, at_ms)]
    return {tag if tag in one.languages else one.languages[0] for tag in chosen for one in versions}


def _versions_at(run: FinishedRun, reader: Enrollment, at_ms: int) -> Sequence[VersionInForce]:
    return [run.in_force(reader.campaign, one_ms) for one_ms in (at_ms - 1, at_ms)]


def _accepted_steps(run: FinishedRun) -> Iterator[tuple[int, Mail, Enrollment]]:
    readers = {enrollment.id: enrollment for enrollment in run.enrollments}
    for at_ms, mail in run.mailer.accepted_mails:
        reader = readers.get(EnrollmentId(mail.tags.get("enrollment", "")))
        if reader is not None and "step" in mail.tags:
            yield at_ms, mail, reader


READER_INVARIANTS: tuple[Invariant, ...] = (
    mail_goes_within_its_window,
    no_mail_goes_on_a_holiday,
    a_mail_is_in_one_language,
    a_language_counts_from_its_version_on,
)
