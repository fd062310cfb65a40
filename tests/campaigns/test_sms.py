"""The SMS of the packaged campaigns: what they say, and what they cost."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.campaigns import samples
from common.campaigns.errors import CampaignError
from common.campaigns.gallery import sample_pages
from common.campaigns.lint.lint import findings
from common.campaigns.loader import Campaign, load_campaign
from common.domain.sms import Size, foreign_characters, plain_text, size_of
from tests.texting import KEY, texting_campaign, texting_folder

STOPS = {"en-CA": "STOP", "fr-CA": "ARRET"}


@pytest.fixture(scope="module")
def texting(tmp_path_factory: pytest.TempPathFactory) -> Campaign:
    return texting_campaign(tmp_path_factory.mktemp("campaigns"))


WHEN = {
    ("en-CA", "full"): "Thursday, December 4 at 9:00 a.m.\n",
    ("en-CA", "sparse"): "Thursday, December 4 at 2:00 p.m. UTC\n",
    ("fr-CA", "full"): "le jeudi 4 décembre à 9 h\n",
    ("fr-CA", "sparse"): "le jeudi 4 décembre à 14 h UTC\n",
}


@pytest.mark.parametrize(("language", "kind"), WHEN)
def test_each_sms_has_the_sender_the_time_of_the_call_and_the_stop_word(texting, language, kind):
    text = texting.messages.render_sms("24h", samples.MEETINGS[kind], samples.IDENTITY, language)
    assert text.startswith("BusinessX")
    assert WHEN[language, kind] in text
    assert STOPS[language] in text
    assert foreign_characters(text) == ""
    assert size_of(text) == Size("GSM-7", 1)


def test_campaign_without_sms_compiles_as_before(campaign):
    assert campaign.compiled.sms is None
    assert "sms" not in campaign.compiled.to_json().replace("@sms", "")


def test_campaign_with_sms_needs_its_text_in_every_language(tmp_path):
    home = texting_folder(tmp_path)
    (home / KEY / "fr-CA" / "reminders" / "24h.sms.md").unlink()
    with pytest.raises(CampaignError, match=r"fr-CA/reminders/24h\.sms\.md: cannot be read"):
        load_campaign(KEY, directory=home)


def test_error_of_sms_without_any_text_names_the_file_to_write(tmp_path):
    home = texting_folder(tmp_path)
    for text in (home / KEY).rglob("*.sms.md"):
        text.unlink()
    with pytest.raises(CampaignError, match=r"sms\.enabled: no reminder has a text for SMS; write en-CA/reminders/"):
        load_campaign(KEY, directory=home)


@pytest.mark.parametrize(("source", "problem"), [("{{ howr }}", "unknown variable 'howr'"), ("{{ title }}", "title")])
def test_sms_text_that_could_leave_a_blank_is_refused_at_load(tmp_path: Path, source, problem):
    home = texting_folder(tmp_path)
    (home / KEY / "en-CA" / "reminders" / "24h.sms.md").write_text(source)
    with pytest.raises(CampaignError, match=problem):
        load_campaign(KEY, directory=home)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("a" * 160, Size("GSM-7", 1)),
        ("a" * 161, Size("GSM-7", 2)),
        ("a" * 306, Size("GSM-7", 2)),
        ("a" * 307, Size("GSM-7", 3)),
        ("€" * 80, Size("GSM-7", 1)),
        ("€" * 81, Size("GSM-7", 2)),
        ("a" * 152 + "€" + "a" * 152, Size("GSM-7", 3)),  # no character is divided between two segments
        ("é" * 160, Size("GSM-7", 1)),
        ("ê" * 70, Size("UCS-2", 1)),
        ("ê" * 71, Size("UCS-2", 2)),
        ("😀" * 35, Size("UCS-2", 1)),
        ("😀" * 67, Size("UCS-2", 3)),
    ],
)
def test_sms_segments_are_counted_in_the_encoding_that_the_text_needs(text, size):
    assert size_of(text) == size


@pytest.mark.parametrize("text", ["it\u2019s 9 a.m. \u2013 \u201cnow\u201d\u2026", "09\u00a0h\u202f05", "l\u2019heure"])
def test_typographic_characters_do_not_double_the_price(text):
    assert size_of(text).encoding == "UCS-2"
    assert size_of(plain_text(text)) == Size("GSM-7", 1)


def test_preview_shows_the_follow_up_sms_in_each_language(texting):
    pages = [page for page in sample_pages(texting, samples.IDENTITY) if page.letter == "sms-missed"]
    assert {page.mail.subject for page in pages} == {"SMS: 1 segment in GSM-7, US$0.0083"}
    for language, stop in STOPS.items():
        [text, *_] = [page.mail.text for page in pages if page.language == language]
        assert text.startswith("BusinessX")
        assert samples.IDENTITY.booking_url in text
        assert stop in text


def test_lint_names_the_character_that_doubles_the_sms_price_and_both_prices(tmp_path: Path):
    home = texting_folder(tmp_path)
    (home / KEY / "fr-CA" / "reminders" / "24h.sms.md").write_text(
        "BusinessX : n'oubliez pas, la fenêtre de notre appel est le {{ day }} à {{ hour }}. ARRET"
    )
    problems = [
        one.problem for one in findings(load_campaign(KEY, directory=home), samples.IDENTITY) if one.rule == "sms"
    ]
    assert problems == [
        "'ê' is not in the SMS alphabet: 2 segments in UCS-2, US$0.0166, but without it 1 segment in GSM-7, "
        "US$0.0083; replace it"
    ]


def test_lint_notes_the_price_and_the_encoding_of_each_sms(texting):
    notes = [one for one in findings(texting, samples.IDENTITY) if one.is_note]
    assert {one.where for one in notes} == {
        f"{KEY}/{language}: {file}"
        for language in STOPS
        for file in ("reminders/24h.sms.md", "follow_ups/missed.sms.md")
    }
    assert {one.problem.partition(", ")[2] for one in notes} == {"1 segment in GSM-7, US$0.0083"}


def test_curly_apostrophe_in_an_sms_is_replaced_by_a_plain_one(tmp_path: Path):
    home = texting_folder(tmp_path)
    body = "BusinessX\u2019s reminder of our call, booked with us: {{ day }} at {{ hour }}. Reply STOP to end"
    (home / KEY / "en-CA" / "reminders" / "24h.sms.md").write_text(body)
    texting = load_campaign(KEY, directory=home)
    text = texting.messages.render_sms("24h", samples.MEETINGS["full"], samples.IDENTITY, "en-CA")
    assert (size_of(text), size_of(text.replace("'", "\u2019"))) == (Size("GSM-7", 1), Size("UCS-2", 2))
    assert not [one for one in findings(texting, samples.IDENTITY) if not one.is_note]


def test_lint_refuses_an_sms_without_the_stop_word(tmp_path: Path):
    home = texting_folder(tmp_path)
    (home / KEY / "en-CA" / "reminders" / "24h.sms.md").write_text("BusinessX: our call, {{ day }} at {{ hour }}")
    found = findings(load_campaign(KEY, directory=home), samples.IDENTITY)
    assert [one.rule for one in found if one.is_error] == ["sms"]


def test_gallery_shows_each_sms_with_its_price(texting):
    pages = [page for page in sample_pages(texting, samples.IDENTITY) if page.letter == "sms-24h"]
    assert {page.mail.subject for page in pages} == {"SMS: 1 segment in GSM-7, US$0.0083"}
    assert {page.language for page in pages} == set(STOPS)
