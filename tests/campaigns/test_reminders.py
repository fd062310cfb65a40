"""Reminders name the hour of the call on the contact's own clock, in words."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

import common.campaigns
from common.campaigns import samples
from common.campaigns.loader import Campaign, Meeting, load_campaign
from tests.campaigns.html import Page

IDENTITY = samples.IDENTITY
UNSUBSCRIBE = "https://advent.example/unsubscribe/enr_ada"
CALL = samples.MEETINGS["full"]
CALENDAR = [
    "https://calendar.google.com/calendar/render?action=TEMPLATE&text=Diagnostic%20call"
    "&dates=20251204T140000Z%2F20251204T143000Z&location=https%3A%2F%2Fmeet.example.com%2Fada",
    "https://outlook.live.com/calendar/0/deeplink/compose?path=%2Fcalendar%2Faction%2Fcompose&rru=addevent"
    "&subject=Diagnostic%20call&startdt=2025-12-04T14%3A00%3A00Z&enddt=2025-12-04T14%3A30%3A00Z"
    "&location=https%3A%2F%2Fmeet.example.com%2Fada",
    samples.CALENDAR_URL,
]


@pytest.mark.parametrize(
    ("instant", "zone", "words"),
    [
        ("2025-12-04T14:00Z", "America/Toronto", "9:00 a.m. on Thursday, December 4 (Toronto time)"),
        ("2025-11-01T13:00Z", "America/Toronto", "9:00 a.m. on Saturday, November 1 (Toronto time)"),
        ("2025-11-03T14:00Z", "America/Toronto", "9:00 a.m. on Monday, November 3 (Toronto time)"),
        ("2025-12-04T17:05Z", "America/Toronto", "12:05 p.m. on Thursday, December 4 (Toronto time)"),
        ("2025-12-04T05:00Z", "America/Toronto", "12:00 a.m. on Thursday, December 4 (Toronto time)"),
        ("2025-12-31T23:30Z", "Asia/Kolkata", "5:00 a.m. on Thursday, January 1 (Kolkata time)"),
        (
            "2025-12-04T14:00Z",
            "America/Argentina/Buenos_Aires",
            "11:00 a.m. on Thursday, December 4 (Buenos Aires time)",
        ),
        ("2025-12-04T14:00Z", "UTC", "2:00 p.m. on Thursday, December 4 (UTC)"),
        ("2025-12-04T14:00Z", "EST", "9:00 a.m. on Thursday, December 4 (UTC-5)"),
        ("2025-12-04T14:00Z", "Etc/GMT-3", "5:00 p.m. on Thursday, December 4 (UTC+3)"),
        ("2025-12-04T14:00Z", None, "2:00 p.m. on Thursday, December 4 (UTC)"),
        ("2025-12-04T14:00Z", "Mars/Olympus", "2:00 p.m. on Thursday, December 4 (UTC)"),
        ("2025-12-04T14:00Z", "../etc/passwd", "2:00 p.m. on Thursday, December 4 (UTC)"),
    ],
)
def test_reminder_hour_is_in_the_contacts_time_zone(
    campaign: Campaign, instant: str, zone: str | None, words: str
) -> None:
    assert words == campaign.translations["en-CA"].language.time(datetime.fromisoformat(instant), zone)


@pytest.mark.parametrize(
    ("language", "reader", "hour"),
    [
        *(
            ("en-CA", reader, "2:30 p.m.")
            for reader in (None, "en", "en-CA", "en-US", "en-AU", "fil-PH", "xx-XX", "", "!")
        ),
        *(("en-CA", reader, "14:30") for reader in ("en-GB", "en-IE", "de-DE", "nl", "pt-BR", "fr-CA")),
        *(("fr-CA", reader, "14 h 30") for reader in (None, "fr", "fr-CA", "fr-FR", "en-US", "en-GB")),
    ],
)
def test_reminder_hour_is_written_in_the_contacts_locale(
    campaign: Campaign, language: str, reader: str | None, hour: str
) -> None:
    meeting = replace(CALL, start=datetime.fromisoformat("2025-12-04T19:30Z"), locale=reader)
    mail = campaign.messages.render_call_mail("2h", meeting, IDENTITY, UNSUBSCRIBE, language)

    assert f" {hour}" in mail.subject.replace("\N{NO-BREAK SPACE}", " ")
    assert f"{hour} " in mail.text.replace("\N{NO-BREAK SPACE}", " ")


def test_time_without_a_zone_raises_value_error(campaign: Campaign) -> None:
    with pytest.raises(ValueError, match="time zone"):
        campaign.translations["en-CA"].language.time(datetime(2025, 12, 4, 9, 0), "America/Toronto")  # noqa: DTZ001


@pytest.mark.parametrize("name", ["72h", "24h", "2h"])
def test_each_reminder_has_the_hour_the_postal_address_and_the_unsubscribe_link(campaign: Campaign, name: str) -> None:
    mail = campaign.messages.render_call_mail(name, CALL, IDENTITY, UNSUBSCRIBE)

    for part in (mail.text, Page(mail.html).words):
        assert "9:00 a.m. on Thursday, December 4 (Toronto time)" in part
        assert IDENTITY.postal_address in part
    assert UNSUBSCRIBE in mail.text
    assert UNSUBSCRIBE in Page(mail.html).links


@pytest.mark.parametrize("language", ["en-CA", "fr-CA"])
@pytest.mark.parametrize("key", ["christmas_2025", "new_year_2026"])
def test_each_reminder_has_the_links_to_add_its_call_to_a_calendar(key: str, language: str) -> None:
    campaign = load_campaign(key)
    for reminder in campaign.reminders:
        mail = campaign.messages.render_call_mail(reminder.name, CALL, IDENTITY, UNSUBSCRIBE, language)

        assert {*CALENDAR} <= {*Page(mail.html).links}
        assert [link for link in CALENDAR if link not in mail.text] == []


@pytest.mark.parametrize("language", ["en-CA", "fr-CA"])
@pytest.mark.parametrize("name", ["72h", "24h", "2h"])
def test_reminder_links_to_change_the_booking_where_calcom_allows_it(
    campaign: Campaign, name: str, language: str
) -> None:
    def links(meeting: Meeting) -> list[str]:
        found = Page(campaign.messages.render_call_mail(name, meeting, IDENTITY, UNSUBSCRIBE, language).html).links
        return [link for link in found if link in (CALL.reschedule_url, CALL.cancel_url)]

    both = [CALL.reschedule_url] if name == "2h" else [CALL.reschedule_url, CALL.cancel_url]
    assert links(CALL) == both
    assert links(replace(CALL, cancel_url=None)) == [CALL.reschedule_url]
    assert links(replace(CALL, reschedule_url=None, cancel_url=None)) == []


CAMPAIGNS = Path(common.campaigns.__file__).parent


@pytest.mark.parametrize(
    "path",
    [path for path in sorted(CAMPAIGNS.rglob("reminders/*.md")) if not path.name.endswith(".sms.md")],
    ids=lambda path: str(path.relative_to(CAMPAIGNS)),
)
def test_the_subject_of_every_reminder_names_the_day_and_the_hour(path: Path) -> None:
    [subject] = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("subject:")]

    assert "{{ day }}" in subject
    assert "{{ hour }}" in subject


def test_the_three_reminders_have_three_subjects(campaign: Campaign) -> None:
    subjects = {
        campaign.messages.render_call_mail(r.name, CALL, IDENTITY, UNSUBSCRIBE).subject for r in campaign.reminders
    }

    assert len(subjects) == 3


def test_last_reminder_has_the_link_to_join_the_call(campaign: Campaign) -> None:
    mail = campaign.messages.render_call_mail("2h", CALL, IDENTITY, UNSUBSCRIBE)

    assert f"Join the call: {CALL.join_url}" in mail.text
    assert [CALL.join_url, *CALENDAR, CALL.reschedule_url, UNSUBSCRIBE] == Page(mail.html).links


@pytest.mark.parametrize("place", [None, "", "integrations:daily", "100 Queen St W", "javascript:alert(1)"])
def test_place_that_is_not_a_web_address_is_not_linked(campaign: Campaign, place: str | None) -> None:
    mail = campaign.messages.render_call_mail("2h", replace(CALL, join_url=place), IDENTITY, UNSUBSCRIBE)

    without_place = [link.partition("&location=")[0] for link in CALENDAR]
    assert [*without_place, CALL.reschedule_url, UNSUBSCRIBE] == Page(mail.html).links
    assert "in your booking confirmation" in mail.text


@pytest.mark.parametrize(
    ("place", "language", "subject", "words"),
    [
        ("host_calls", "en-CA", "by phone", "We call you at the number that you gave when you booked."),
        ("guest_calls", "en-CA", "by phone", "You call us; the number is in your booking confirmation."),
        ("in_person", "en-CA", "the place", "We meet in person, at the address in your booking confirmation."),
        ("<b>100 Queen St W</b>", "en-CA", "the place", "Where we meet is in your booking confirmation"),
        ("host_calls", "fr-CA", "par téléphone", "Nous vous appelons au numéro que vous avez donné en réservant."),
        ("guest_calls", "fr-CA", "par téléphone", "est vous qui nous appelez"),
        ("in_person", "fr-CA", "endroit", "Nous nous rencontrons en personne"),
    ],
)
def test_a_call_without_a_link_says_how_it_takes_place(
    campaign: Campaign, place: str, language: str, subject: str, words: str
) -> None:
    meeting = replace(CALL, join_url=None, place=place)
    for name in ("24h", "2h"):
        mail = campaign.messages.render_call_mail(name, meeting, IDENTITY, UNSUBSCRIBE, language)
        assert words in mail.text
        assert "Queen St W" not in mail.html
    assert mail.subject.endswith(subject)


def test_link_to_join_takes_precedence_over_the_kind_of_place(campaign: Campaign) -> None:
    with_both = campaign.messages.render_call_mail("2h", replace(CALL, place="host_calls"), IDENTITY, UNSUBSCRIBE)

    assert with_both == campaign.messages.render_call_mail("2h", CALL, IDENTITY, UNSUBSCRIBE)


def test_reminder_without_a_name_has_a_plain_greeting(campaign: Campaign) -> None:
    meeting = replace(samples.MEETINGS["sparse"], first_name=" ")

    mail = campaign.messages.render_call_mail("72h", meeting, IDENTITY, UNSUBSCRIBE)

    assert mail.text.startswith("Hello,\n")


def test_unknown_reminder_raises_key_error(campaign: Campaign) -> None:
    with pytest.raises(KeyError):
        campaign.messages.render_call_mail("1h", CALL, IDENTITY, UNSUBSCRIBE)
