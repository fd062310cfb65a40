"""Before a call: the right hour on the reader's own clock, in words."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

import common.campaigns
from common.campaigns import samples
from common.campaigns.loader import Campaign, Meeting
from tests.campaigns.html import Page

IDENTITY = samples.IDENTITY
UNSUBSCRIBE = "https://advent.example/unsubscribe/enr_ada"
CALL = samples.MEETINGS["full"]


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
def test_the_hour_is_the_readers_own(campaign: Campaign, instant: str, zone: str | None, words: str) -> None:
    assert words == campaign.translations["en-CA"].language.time(datetime.fromisoformat(instant), zone)


def test_an_instant_without_a_zone_is_a_mistake_of_ours(campaign: Campaign) -> None:
    with pytest.raises(ValueError, match="time zone"):
        campaign.translations["en-CA"].language.time(datetime(2025, 12, 4, 9, 0), "America/Toronto")  # noqa: DTZ001


@pytest.mark.parametrize("name", ["72h", "24h", "2h"])
def test_each_reminder_says_when_and_who_writes_and_how_to_leave(campaign: Campaign, name: str) -> None:
    mail = campaign.render_reminder(name, CALL, IDENTITY, UNSUBSCRIBE)

    for part in (mail.text, Page(mail.html).words):
        assert "9:00 a.m. on Thursday, December 4 (Toronto time)" in part
        assert IDENTITY.postal_address in part
    assert UNSUBSCRIBE in mail.text
    assert UNSUBSCRIBE in Page(mail.html).links


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
    subjects = {campaign.render_reminder(r.name, CALL, IDENTITY, UNSUBSCRIBE).subject for r in campaign.reminders}

    assert len(subjects) == 3


def test_the_last_reminder_has_the_link(campaign: Campaign) -> None:
    mail = campaign.render_reminder("2h", CALL, IDENTITY, UNSUBSCRIBE)

    assert f"Join the call: {CALL.join_url}" in mail.text
    assert [CALL.join_url, UNSUBSCRIBE] == Page(mail.html).links


@pytest.mark.parametrize("place", [None, "", "integrations:daily", "100 Queen St W", "javascript:alert(1)"])
def test_a_place_that_is_no_web_address_makes_no_link(campaign: Campaign, place: str | None) -> None:
    mail = campaign.render_reminder("2h", replace(CALL, join_url=place), IDENTITY, UNSUBSCRIBE)

    assert Page(mail.html).links == [UNSUBSCRIBE]
    assert "in your booking confirmation" in mail.text


def test_somebody_without_a_name_is_greeted_all_the_same(campaign: Campaign) -> None:
    meeting = Meeting(first_name=" ", start=datetime(2025, 12, 4, 14, tzinfo=UTC), timezone=None)

    mail = campaign.render_reminder("72h", meeting, IDENTITY, UNSUBSCRIBE)

    assert mail.text.startswith("Hello,\n")


def test_an_unknown_reminder_is_a_mistake_of_ours(campaign: Campaign) -> None:
    with pytest.raises(KeyError):
        campaign.render_reminder("1h", CALL, IDENTITY, UNSUBSCRIBE)
