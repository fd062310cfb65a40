"""Mistakes in a campaign are reported before it is sent, with the place and the cure."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from common.campaigns import samples
from common.campaigns.lint.contrast import contrast, unreadable
from common.campaigns.lint.lint import lint
from common.campaigns.loader import available_campaigns, load_campaign
from common.campaigns.samples import IDENTITY

Spoil = Callable[[str, str, str], None]

RESULTS, RESULTS_FR = "en-CA/emails/1-results.md", "fr-CA/emails/1-results.md"
THANKS = "Thank you for taking the BusinessX assessment"
SUBJECT = "subject: Your calendar for the rush, week by week"


@pytest.mark.parametrize("key", available_campaigns())
def test_packaged_campaigns_have_no_lint_findings(key: str) -> None:
    assert lint(key, IDENTITY) == []


@pytest.mark.parametrize(
    ("file", "passage", "by", "rule", "where", "problem"),
    [
        (RESULTS, "Talk soon", "Talk soon, {first_name}", "field", "line 75", "{first_name} would be printed"),
        (RESULTS, "Talk soon", "Talk soon, *|FNAME|*", "field", "line 75", "*|FNAME|* would be printed"),
        (RESULTS, "({{ booking_url }})", "(htps://x.example/)", "link", "1-results", "not a web address"),
        (RESULTS, "({{ booking_url }})", "(https://example/)", "link", "1-results", "no host"),
        (RESULTS, "({{ booking_url }})", "(https://a:b@x.example/)", "link", "1-results", "looks like fraud"),
        (RESULTS, "Talk soon", "![](https://x.example/a.png) Bye", "alt", "1-results", "has no alternative text"),
        (RESULTS, "Talk soon", "See you tomorrow", "relative-day", "line 75", "'tomorrow' may be wrong on the day"),
        (RESULTS_FR, "À bientôt", "À demain", "relative-day", "line 75", "'demain' may be wrong on the day"),
        (RESULTS, "Talk soon", "Act now, it is risk-free", "spam", "line 75", "'Act now' is known to spam filters"),
        ("en-CA/emails/4-calendar.md", SUBJECT, "subject: RE: your calendar", "spam", "line 2", "'RE:' makes"),
        ("en-CA/emails/4-calendar.md", SUBJECT, SUBJECT + " " + "x" * 60, "subject", "4-calendar", "phones cut it"),
        ("en-CA/reminders/2h.md", "preheader: {{ time }}", "preheader: Soon", "preheader", "2h", "has 4 characters"),
        (
            "layout/mail.mjml",
            'font-size="14px" color="#574f46"',
            'font-size="14px" color="#bbbbbb"',
            "contrast",
            "",
            "",
        ),
        (RESULTS_FR, "À bientôt", THANKS + " and for the time that you have given", "language", "line 75", "translate"),
        (
            "fr-CA/systems.toml",
            'about = "votre équipe"',
            'about = "votre {équipe}"',
            "field",
            "systems.toml: crew.about",
            "printed",
        ),
        (RESULTS, "{{ score }} out", "{{ scor }} out", "load", "christmas_2025", "unknown variable 'scor'"),
        (
            "campaign.toml",
            'production = "72h"',
            'production = "23h"',
            "load",
            "christmas_2025",
            "after the step before",
        ),
        ("layout/mail.txt", "{{ postal_address }}", "", "load", "christmas_2025", "the law requires it"),
    ],
)
def test_lint_finds_each_mistake(
    home: Path, spoil: Spoil, file: str, passage: str, by: str, rule: str, where: str, problem: str
) -> None:
    spoil(file, passage, by)

    found = [one for one in lint("christmas_2025", IDENTITY, directory=home) if one.rule == rule]

    assert found, "it was not found"
    assert where in found[0].where
    assert problem in found[0].problem


def test_lint_finds_an_untranslated_paragraph_in_any_language(home: Path, spoil: Spoil) -> None:
    spoil(RESULTS, "Talk soon", "Ein Absatz in einer Sprache, die niemand sonst hier schreibt")
    spoil(RESULTS_FR, "À bientôt", "Ein Absatz in einer Sprache, die niemand sonst hier schreibt")

    found = [one.where for one in lint("christmas_2025", IDENTITY, directory=home) if one.rule == "language"]

    assert [where.partition(":")[0] for where in found] == [f"christmas_2025/{RESULTS}", f"christmas_2025/{RESULTS_FR}"]


def test_lint_advises_against_a_long_mail_before_gmail_clips_it(home: Path, spoil: Spoil) -> None:
    spoil("layout/mail.mjml", "{{ series }}", "{{ series }}" + "x" * 78_000)

    assert {"size"} == {one.rule for one in lint("christmas_2025", IDENTITY, directory=home)}


def test_contrast_is_computed_as_wcag_defines_it() -> None:
    assert contrast("#000000", "#fff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_contrast_check_inherits_colours_and_allows_less_for_large_text() -> None:
    small, large = '<p style="color:#999999">small</p>', '<h1 style="color:#999;font-size:24px">large</h1>'
    html = f'<div style="background: #333">{small}{large}</div>'

    assert [*unreadable(html)] == [("small", 4.4)]


def test_a_brand_is_shown_with_logo_colour_photo_and_signature(home: Path, spoil: Spoil) -> None:
    brand = """
name = "BusinessX"
logo = "https://businessx.example/logo.png"
logo_text = "BusinessX, the letters in blue"
photo = "https://businessx.example/sarah.jpg"
colour = "#1d4ed8"
"""
    spoil("campaign.toml", '\nname = "BusinessX"\n', brand)
    spoil("en-CA/strings.toml", "[footer]", 'signature = "Founder, BusinessX"\n[footer]')
    shutil.rmtree(home / "christmas_2025" / "layout")

    mail = next(samples.mails(load_campaign("christmas_2025", directory=home), IDENTITY, kind="full")).mail

    assert 'alt="BusinessX, the letters in blue"' in mail.html
    assert f'src="https://businessx.example/sarah.jpg" alt="{IDENTITY.sender_name}"' in mail.html
    assert mail.html.count("#1d4ed8") > 5
    assert "#14532d" not in mail.html
    assert "Founder, BusinessX" in mail.html
    assert "\nFounder, BusinessX\n" in mail.text
    assert lint("christmas_2025", IDENTITY, directory=home) == []
