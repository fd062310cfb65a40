"""A campaign that could leave a blank is refused before any mail is sent, in one line that says what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from common.campaigns.campaigns import load_campaigns, preload_campaigns
from common.campaigns.loader import Campaign, CampaignError, load_campaign
from common.domain.cadence import Pace

Spoil = Callable[[str, str, str], None]
HOUR_MS = 3_600_000

TOML = "campaign.toml"
RESULTS = "en-CA/emails/1-results.md"
STRINGS = "en-CA/strings.toml"


def test_the_packaged_campaign_is_christmas_2025(campaign: Campaign) -> None:
    assert (campaign.key, campaign.name, len(campaign.steps)) == ("christmas_2025", "Christmas 2025", 7)
    assert [reminder.name for reminder in campaign.reminders] == ["72h", "24h", "2h"]
    assert (campaign.booking.nurture, campaign.booking.cancellation_resumes) == ("continue", True)


def test_steps_and_reminders_keep_the_promised_hours_in_both_modes(campaign: Campaign) -> None:
    production, testing = campaign.cadence(Pace()), campaign.cadence(Pace(testing=True))
    assert tuple(hours * HOUR_MS for hours in (0, 24, 72, 120, 168, 216, 264)) == production.offsets_ms
    assert tuple(minutes * 60_000 for minutes in range(7)) == testing.offsets_ms
    assert (production.minimum_gap_ms, testing.minimum_gap_ms) == (12 * HOUR_MS, 30_000)
    assert [r.before.at(Pace()) for r in campaign.reminders] == [72 * HOUR_MS, 24 * HOUR_MS, 2 * HOUR_MS]
    assert [r.before.at(Pace(testing=True)) for r in campaign.reminders] == [360_000, 180_000, 60_000]
    assert tuple(campaign.booking.minimum_notice.at(Pace(testing=t)) for t in (False, True)) == (2 * HOUR_MS, 60_000)


def test_speed_divides_everything(campaign: Campaign) -> None:
    fast = Pace(testing=True, speed=60)
    assert tuple(seconds * 1_000 for seconds in range(7)) == campaign.cadence(fast).offsets_ms
    assert campaign.cadence(fast).minimum_gap_ms == 500
    assert [reminder.before.at(fast) for reminder in campaign.reminders] == [6_000, 3_000, 1_000]
    assert [follow_up.after.at(fast) for follow_up in campaign.follow_ups] == [1_000, 1_000]


def test_delay_given_once_counts_a_minute_per_day_in_testing_mode(home: Path, spoil: Spoil) -> None:
    spoil(TOML, 'name = "missed"\nbody = "missed.md"\nafter = { production = "2h", testing = "1min" }', "")
    spoil(TOML, 'on = "no_show"\n', 'on = "no_show"\nbody = "missed.md"\nafter = "48h"\n')

    missed, _ = load_campaign("christmas_2025", directory=home).follow_ups

    assert (missed.name, missed.after.at(Pace()), missed.after.at(Pace(testing=True))) == (
        "no-show",
        48 * HOUR_MS,
        120_000,
    )


def test_a_speed_at_which_steps_collide_is_refused(campaign: Campaign) -> None:
    with pytest.raises(CampaignError, match="CAMPAIGN_SPEED"):
        campaign.cadence(Pace(testing=True, speed=1e9))


def test_campaign_version_changes_only_with_what_is_sent(home: Path, spoil: Spoil, campaign: Campaign) -> None:
    before = load_campaign("christmas_2025", directory=home).version
    assert before == campaign.version

    spoil("layout/mail.txt", "--", "__")

    assert before != load_campaign("christmas_2025", directory=home).version


@pytest.mark.parametrize("key", ["easter", "", "..", "../campaigns/christmas_2025", "christmas_2025/emails"])
def test_error_of_an_unknown_campaign_lists_the_known_ones(key: str) -> None:
    with pytest.raises(CampaignError, match="there are: christmas_2025"):
        load_campaign(key)


def test_error_of_a_missing_campaigns_folder_names_its_setting(tmp_path: Path) -> None:
    with pytest.raises(CampaignError, match=r"CAMPAIGNS_DIR=.*nowhere: no such folder; set "):
        load_campaign("christmas_2025", directory=tmp_path / "nowhere")


STATUS = 'status_column = "Christmas Campaign Status"'


@pytest.mark.parametrize(
    ("file", "passage", "by", "complaint"),
    [
        (TOML, 'name = "Christmas 2025"', 'name = ""', r"campaign\.toml: line 4: name: .*at least 1"),
        (TOML, "timezone = ", "timzone = ", r"timezone: missing; add it"),
        (TOML, "priority = 0", "priority = 0\nlanguag = 1", r"line 9: languag: unknown field"),
        (TOML, '"America/Toronto"', '"Toronto"', r"timezone: not an IANA time zone"),
        (
            TOML,
            'languages = ["en-CA", ',
            'languages = ["de", "en-CA", ',
            r"line 5: languages: there is no folder de",
        ),
        (TOML, 'default_language = "en-CA"', 'default_language = "de"', r"default_language: not one of the languages"),
        (TOML, "priority = 0", 'opens = "2025-12-01"\ncloses = "2025-11-01"', r"closes: earlier than opens"),
        (
            TOML,
            "[booking]",
            '[sending_window]\nholidays = "CA-ZZ"\n[booking]',
            r"sending_window\.holidays: no holidays are known for 'CA-ZZ'",
        ),
        (TOML, "priority = 0", 'opens = "soon"', r'line 8: opens: not a day; write it as "2025-11-01"'),
        (TOML, 'type = "money"', 'type = "dollars"', r"fields\.revenue_leak_total\.type"),
        (TOML, 'variable = "red"', 'variable = "score"', r"the variable 'score' is already in use"),
        (TOML, "[fields.first_name]", "[fields.email]", r"fields\.email: every signup can contain this field"),
        (TOML, "example = 44", "example = 440", r"gps_score\.example: wrong type, or out of the field's bounds"),
        (TOML, 'red = "red_systems"', 'red = "red_sytems"', r"did you mean 'red_systems'"),
        (
            TOML,
            'second = ["weakest_system_2"]',
            'second = ["gps_score"]',
            r"gps_score is of type number; choose a field of type text",
        ),
        (
            TOML,
            "red_systems >= 2",
            "red_sytems >= 2",
            r"line 125: segments\.0\.when: unknown field 'red_sytems'; did you mean",
        ),
        (TOML, "red_systems >= 2", "business_name >= 2", r"a text compared with a number"),
        (TOML, 'when = "red_systems >= 2"\n', "", r"segments\.0: when: missing"),
        (
            TOML,
            "assessment_score = 38",
            "assessment_score = 380",
            r"segments\.0\.example: assessment_score: wrong type",
        ),
        (
            TOML,
            "red_systems = 3, orange",
            "red_systems = 0, orange",
            r"segments\.0\.example: this contact is in segment URGENT, not CRITICAL",
        ),
        (TOML, 'id = "step-2"', 'id = "step-1"', r"steps\.1\.id: 'step-1' is used twice"),
        (TOML, 'id = "step-2"', 'id = "quick-wins"', r"steps\.1: column: missing"),
        (
            TOML,
            'id = "step-2"',
            'id = "step-2"\nneeds = "step-3"',
            r"steps\.1\.needs: 'step-3' is not the id of an earlier step",
        ),
        (TOML, 'OPTIMIZE = "2-', 'OPTIMISE = "2-', r"steps\.1\.body: no file for segment OPTIMIZE"),
        (
            TOML,
            "[notion]",
            '[sending_window]\nhours = "19:00-08:00"\n[notion]',
            r"sending_window\.hours: write the hours",
        ),
        (
            TOML,
            'production = "24h"',
            'production = "one day"',
            r'steps\.1\.after\.production: write a duration as "30s"',
        ),
        (
            TOML,
            'production = "24h", testing = "1min"',
            'production = "6h", testing = "1min"',
            r"make it at least 43200 s",
        ),
        (TOML, 'production = "120h"', 'production = "70h"', r"steps\.3\.after\.production"),
        (TOML, 'on = "no_show"', 'on = "noshow"', r"follow_ups\.0\.on"),
        (TOML, 'name = "missed"', 'name = "after-call"', r"follow_ups\.1\.name: 'after-call' is used twice"),
        (TOML, 'name = "missed"', 'name = "24h"', r"follow_ups\.0\.name: '24h' is also a reminder's name"),
        (TOML, 'body = "missed.md"\nafter = {', 'body = "missed.md"\nafter = "soon" # {', r"write a duration as"),
        (TOML, 'testing = "4min"', 'testing = "3min"', r"steps\.4\.after\.testing"),
        (TOML, 'nurture = "continue"', 'nurture = "maybe"', r"booking\.nurture"),
        (TOML, 'URGENT = "2-quick-wins.urgent.md"\n', "", r"steps\.1\.body: no file for segment URGENT"),
        (TOML, '"3-turned-away.md"', '"3-missing.md"', r"3-missing\.md: cannot be read"),
        (TOML, "[booking]", "[booking", r"campaign\.toml: not TOML"),
        (TOML, 'name = "Christmas 2025"', "name = “Christmas 2025”", r"not TOML: .*; write straight quotes"),
        ("en-CA/systems.toml", "[other]", "[another]", r"\[other\] is missing"),
        ("en-CA/systems.toml", 'about = "your team"', 'about = ""', r"systems\.toml: line 25: crew\.about"),
        (RESULTS, "subject:", "sbject:", r"1-results\.md: line 2: sbject: not a field of the heading"),
        (RESULTS, "preheader: Which", "\nWhich", r"not a field|missing"),
        (
            RESULTS,
            "{{ score }} out",
            "{{ scor }} out",
            r"1-results\.md: line 2: subject: unknown variable 'scor'; did you mean 'score'",
        ),
        (
            RESULTS,
            "{{ weakest.label }}",
            "{{ weakest.lable }}",
            r"line 53: the text: unknown variable 'weakest\.lable'; did you mean 'label'",
        ),
        (RESULTS, "{% if second %}", "{% if false %}{{ never }}{% elif second %}", r"unknown variable 'never'"),
        (RESULTS, "{% if weakest %}\n## ", "{% if weakest\n## ", r"1-results\.md: line \d+"),
        (RESULTS, "Hello,\n{% endif %}", "Hello,", r"line 5: {% if … %} is never closed; write {% endif %} where"),
        (RESULTS, "Hello,\n", "Hello,\n{% endif %}\n", r"line 10: {% endif %} closes nothing; remove it"),
        (RESULTS, "Talk soon", "{{ business_name }}", r"line 75: the text: 'business_name' was not given; guard it"),
        (RESULTS, "Talk soon", "{{ revenue_leak|money }}", r"'revenue_leak' was not given; guard it"),
        (RESULTS, "Talk soon", "{{ second.name }}", r"guard it with \{% if"),
        (RESULTS, "Talk soon", "{{ second }}", r"a System cannot be printed; name one of its fields"),
        (RESULTS, "Talk soon", "{% if revenue_leak > 9 %}x{% endif %}", r"the text: .*; guard it"),
        (RESULTS, "Talk soon", "{{ red > 1 }}", r"a boolean cannot be printed"),
        (RESULTS, "Talk soon", "{{ score / 0 }}", r"ZeroDivisionError; correct the expression"),
        (
            "en-CA/emails/4-calendar.md",
            "Your calendar for the rush, week by week",
            "{% if red %}Red{% endif %}",
            r"subject: empty",
        ),
        (
            "en-CA/emails/6-checklist.md",
            "The checklist before the rush (print this one)",
            "The December bookings somebody turned away",
            r"two mails to one contact",
        ),
        (RESULTS, "Talk soon", "{{ segment }}", r"a choice cannot be printed"),
        (RESULTS, "Talk soon", "::: CRITICAL\nNow.\n", r"line 75: this segment block is never closed"),
        (
            RESULTS,
            "Talk soon",
            "::: CRITICAl\nNow.\n:::\n",
            r"line 75: unknown segment 'CRITICAl'; did you mean 'CRITICAL'",
        ),
        (TOML, STATUS, f'{STATUS}\nfields = {{ team = "Team" }}', r"notion\.fields\.team: unknown field 'team'"),
        (TOML, STATUS, f'{STATUS}\nfields = {{ phone = "Phone" }}', r"notion\.fields\.phone: unknown field 'phone'"),
        (
            TOML,
            STATUS,
            f'{STATUS}\nfields = {{ gps_score = "GPS" }}',
            r"notion\.fields\.gps_score: this field of the assessment cannot",
        ),
        (TOML, STATUS, f'{STATUS}\nfields = {{ system_scores = "All" }}', r"of type scores cannot have a column"),
        (TOML, 'id = "step-7"', 'id = "last"', r"steps\.6: column: missing; add it: only the ids step-1"),
        (TOML, 'id = "step-7"', 'id = "Last"', r"steps\.6\.id: 'Last' is not an id; use lowercase letters"),
        (STRINGS, "emails = ", "emals = ", r"footer\.emails: missing; add it"),
        (
            STRINGS,
            "seven letters",
            "{steps} letters",
            r"strings\.toml: line 7: footer\.emails: unknown placeholder \{steps\}",
        ),
        ("layout/mail.txt", "{{ unsubscribe_text }}", "", r"mail\.txt: unsubscribe_url is not shown"),
        ("layout/mail.mjml", "{{ postal_address }}", "", r"mail\.mjml: postal_address is not shown"),
        ("layout/mail.mjml", "{{ reason }}", "{{ raeson }}", r"mail\.mjml: 'raeson' is undefined"),
        ("layout/mail.mjml", "</mj-body>", "", r"mail\.mjml: not MJML"),
        ("layout/mail.mjml", "{{ series }}", "{{ series }}" + "x" * 102_000, r"Gmail clips"),
    ],
)
def test_each_mistake_in_a_campaign_is_refused_by_name(
    home: Path, spoil: Spoil, file: str, passage: str, by: str, complaint: str
) -> None:
    spoil(file, passage, by)

    with pytest.raises(CampaignError, match=complaint) as refused:
        load_campaign("christmas_2025", directory=home)
    assert "\n" not in str(refused.value)


def test_body_with_windows_line_ends_is_read(home: Path) -> None:
    file = home / "christmas_2025" / RESULTS
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))

    load_campaign("christmas_2025", directory=home)


def test_a_body_that_is_not_utf8_is_refused(home: Path) -> None:
    (home / "christmas_2025" / RESULTS).write_bytes(b"---\nsubject: \xff")

    with pytest.raises(CampaignError, match="not UTF-8"):
        load_campaign("christmas_2025", directory=home)


def test_restarted_process_plays_the_campaign_that_its_parent_checked(
    home: Path, spoil: Spoil, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("common.campaigns.campaigns._preloaded", {})
    checked = preload_campaigns(("christmas_2025",), directory=home).default
    spoil(TOML, 'name = "Christmas 2025"', "half a li")

    assert load_campaigns(("christmas_2025",), directory=home).default is checked
    with pytest.raises(CampaignError, match=r"line \d+"):
        load_campaign("christmas_2025", directory=home)
