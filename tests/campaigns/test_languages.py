"""A contact reads one language from the subject to the small print, written by that language's own conventions."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

import common.campaigns
from common.campaigns import samples
from common.campaigns.language import Language
from common.campaigns.loader import Campaign, CampaignError, Meeting, load_campaign
from common.campaigns.messages import Rendered
from common.domain.contact import Segment
from common.normalization.locale import language_or_default
from tests.campaigns import people
from tests.campaigns.html import Page

NB = "\u00a0"
PACKAGED = Path(common.campaigns.__path__[0])
ARABIC = Path(__file__).parent / "arabic"
UNSUBSCRIBE = "https://advent.example/unsubscribe/enr_ada"


@pytest.fixture(scope="module")
def arabic() -> Campaign:
    return load_campaign("diwan", directory=ARABIC)


@pytest.fixture(scope="module")
def french(campaign: Campaign) -> Language:
    return campaign.translations["fr-CA"].language


def render(campaign: Campaign, step: int, person: object, language: str, today: date | None = None) -> Rendered:
    return campaign.messages.render(
        campaign.steps[step - 1].id,
        person,  # type: ignore[arg-type]
        segment=campaign.segments[0],
        identity=samples.IDENTITY,
        unsubscribe_url=UNSUBSCRIBE,
        language=language,
        today=today,
    )


@pytest.mark.parametrize(
    ("locale", "language"),
    [
        *(
            (name, "fr-CA")
            for name in ("fr-CA", "fr", "fr-FR", "FR_ca", "fr_CA.UTF-8", "fr-CA,en;q=0.5", ["fr-BE", "en"])
        ),
        *(
            (name, "en-CA")
            for name in ("en", "en-US", "EN_gb", None, "", "C", "*", "undefined", 7, "de", "xx-YY", "frr")
        ),
    ],
)
def test_a_locale_finds_its_language_or_the_default(campaign: Campaign, locale: object, language: str) -> None:
    assert language == campaign.language_of(locale)


@pytest.mark.parametrize(
    ("locale", "languages", "language"),
    [
        ("zh-TW", ("en-CA", "zh-Hans"), "en-CA"),
        ("zh-CN", ("en-CA", "zh-Hans"), "zh-Hans"),
        ("zh", ("en-CA", "zh-Hant", "zh-Hans"), "zh-Hans"),
        ("zh-Hant-HK", ("en-CA", "zh-Hans", "zh-Hant"), "zh-Hant"),
        ("fr-BE", ("en-CA", "fr-FR", "fr-CA"), "fr-CA"),
        ("fr-BE", ("en-US", "fr-FR", "fr-CA"), "fr-FR"),
        ("fr-FR", ("en-CA", "fr-CA", "fr-FR"), "fr-FR"),
        ("pt", ("en-CA", "pt-BR"), "pt-BR"),
        ("sr-Latn", ("en-CA", "sr-RS"), "en-CA"),
    ],
)
def test_languages_in_different_scripts_do_not_match(locale: str, languages: tuple[str, ...], language: str) -> None:
    assert language == language_or_default(locale, languages)


def test_a_french_mail_is_french_from_the_subject_to_the_small_print(campaign: Campaign) -> None:
    mail = render(campaign, 1, people.fullest(Segment.CRITICAL), "fr-CA")

    assert mail.subject == f"Ada, vos résultats{NB}: 38 sur 100"
    page = Page(mail.html)
    assert page.language == "fr-CA"
    for part in (mail.text, page.words):
        for shown in (f"4{NB}200{NB}$", "52,5", "ÉQUIPAGE, votre équipe", "évaluation BusinessX", "Se désabonner"):
            assert shown.replace(NB, " ") in part.replace(NB, " ")
    assert f"- Rouge{NB}: 3 (à regarder en premier)" in mail.text
    assert "Noël 2025 · Lettre 1 sur 7" in page.words
    assert f"gratuit{NB}: https://" in mail.text


def test_no_paragraph_is_shared_by_two_languages(campaign: Campaign) -> None:
    paragraphs: dict[str, set[str]] = {}
    for language in campaign.languages:
        found = paragraphs.setdefault(language, set())
        for kind in samples.KINDS:
            for sample in samples.mails(campaign, samples.IDENTITY, kind=kind, language=language):
                lines = f"{sample.mail.subject}\n{sample.mail.text}".split("\n")
                found |= {line for line in lines if len(re.findall(r"[a-zà-ÿ]{2,}", line)) > 3}

    identification = {line for line in paragraphs["en-CA"] if samples.IDENTITY.postal_address in line}
    assert paragraphs["en-CA"] & paragraphs["fr-CA"] == identification | {
        line for line in paragraphs["en-CA"] if samples.IDENTITY.contact_address in line
    }


_UNTYPOGRAPHIC = re.compile(rf"(?<!{NB}):(?=[\s*]|$)|[ {NB}][;!?]|«(?!{NB})|(?<!{NB})»|\d ?[$%h]|\w'\w")
# An SMS has neither no-break spaces nor typographic apostrophes.
FRENCH_TEXTS = [file for file in PACKAGED.glob("**/fr-CA/**/*.md") if not file.name.endswith(".sms.md")]


@pytest.mark.parametrize("file", FRENCH_TEXTS, ids=lambda file: "-".join(file.relative_to(PACKAGED).parts))
def test_a_french_text_keeps_the_typography_of_quebec(file: Path) -> None:
    texts = [line.removeprefix("subject:").removeprefix("preheader:") for line in file.read_text().splitlines()]
    words = [re.sub(r"\{\{.*?\}\}|\{%.*?%\}|^:::.*", "…", line) for line in texts]

    assert [line for line in words if _UNTYPOGRAPHIC.search(line)] == []


def test_aria_label_of_a_french_mail_has_no_escaped_no_break_space(campaign: Campaign) -> None:
    mail = render(campaign, 1, people.fullest(Segment.CRITICAL), "fr-CA")

    assert 'aria-label="Ada, vos résultats : 38 sur 100"' in mail.html


@pytest.mark.parametrize(
    ("value", "words"),
    [(0, "aucun système"), (1, "un système"), (2, "deux systèmes"), (11, "11 systèmes")],
)
def test_french_zero_takes_the_singular(french: Language, value: int, words: str) -> None:
    assert words == french.counted(value, one="système", other="systèmes")


@pytest.mark.parametrize(
    ("instant", "zone", "words"),
    [
        ("2025-12-04T14:00Z", "America/Toronto", f"jeudi 4{NB}décembre à 9{NB}h (heure de l’Est)"),
        ("2025-12-01T19:05Z", "America/Toronto", f"lundi 1er{NB}décembre à 14{NB}h{NB}05 (heure de l’Est)"),
        ("2025-08-01T19:30Z", "America/Vancouver", f"vendredi 1er{NB}août à 12{NB}h{NB}30 (heure du Pacifique)"),
        ("2025-12-04T14:00Z", "Asia/Kolkata", f"jeudi 4{NB}décembre à 19{NB}h{NB}30 (heure de l’Inde)"),
        ("2025-12-04T14:00Z", "Etc/GMT-3", f"jeudi 4{NB}décembre à 17{NB}h (UTC+3)"),
        ("2025-12-04T14:00Z", None, f"jeudi 4{NB}décembre à 14{NB}h (UTC)"),
    ],
)
def test_a_french_hour_is_written_as_in_quebec(french: Language, instant: str, zone: str | None, words: str) -> None:
    assert words == french.time(datetime.fromisoformat(instant), zone)


def test_reminder_is_in_the_requested_language(campaign: Campaign) -> None:
    call = replace(samples.MEETINGS["sparse"], first_name="Ada", timezone="America/Toronto")

    subject = campaign.messages.call_mail_subject("24h", call, samples.IDENTITY, "fr-CA")
    mail = campaign.messages.render_call_mail("24h", call, samples.IDENTITY, UNSUBSCRIBE, "fr-CA")

    assert subject == mail.subject == f"Notre appel du jeudi 4{NB}décembre à 9{NB}h{NB}: à quoi vous attendre"
    assert "Votre appel" in Page(mail.html).words


def test_reader_of_a_removed_language_gets_the_whole_mail_in_the_default_language(campaign: Campaign) -> None:
    ada = people.fullest(Segment.CRITICAL)

    assert render(campaign, 1, ada, "en-CA") == render(campaign, 1, ada, "de")


def test_french_mail_is_rendered_from_a_skeleton_like_an_english_one(
    campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = people.fullest(Segment.CRITICAL)
    plain = replace(campaign, renderer=campaign.renderer.without_skeletons())
    expected = render(plain, 1, replace(ada, first_name="Boris"), "fr-CA")
    render(campaign, 1, ada, "fr-CA")

    def parsed_again(*_: object) -> object:
        raise AssertionError("rendered from the beginning")

    monkeypatch.setattr(type(campaign.renderer), "render_from_scratch", parsed_again)
    assert expected == render(campaign, 1, replace(ada, first_name="Boris"), "fr-CA")


@pytest.mark.parametrize(
    ("today", "shown", "hidden"),
    [
        (
            date(2025, 11, 1),
            (f"Semaine du 3{NB}novembre.", f"Semaine du 1er{NB}décembre.", f"Semaine du 15{NB}décembre, la"),
            ("avant ces lignes",),
        ),
        (
            date(2025, 12, 9),
            (f"Semaine du 8{NB}décembre.", "Ce qui venait avant", "la liste d’attente"),
            (f"1er{NB}décembre",),
        ),
        (date(2025, 12, 26), ("derrière vous", "six semaines avant"), ("Semaine du",)),
        (date(2026, 11, 20), (f"Semaine du 14{NB}décembre, la",), ("2025",)),
        (None, ("Six semaines avant.", "La semaine elle-même."), ("Semaine du",)),
    ],
)
def test_calendar_in_the_mail_starts_with_the_current_week(
    campaign: Campaign, today: date | None, shown: tuple[str, ...], hidden: tuple[str, ...]
) -> None:
    mail = render(campaign, 4, people.fullest(Segment.CRITICAL), "fr-CA", today)

    assert [words for words in shown if words not in mail.text] == []
    assert [words for words in hidden if words in mail.text] == []


@pytest.mark.parametrize(
    ("scores", "named"),
    [
        ({"GPS": 20, "crew": 31, "FUEL": 12, "CABIN": 80}, f"Vos systèmes rouges{NB}: CARBURANT, GPS et ÉQUIPAGE."),
        ({"GPS": 20, "crew": 31, "FUEL": 12, "CABIN": 31}, None),
        ({"GPS": 20}, None),
        (None, None),
    ],
)
def test_red_systems_are_named_unless_a_tie_leaves_them_open(
    campaign: Campaign, scores: object, named: str | None
) -> None:
    ada = replace(people.fullest(Segment.CRITICAL), extra={"system_scores": scores})

    mail = render(campaign, 1, ada, "fr-CA")

    assert (named is not None) == ("rouges" in mail.text)
    assert named is None or named in mail.text


def test_checklist_has_boxes_and_no_bullets(campaign: Campaign) -> None:
    mail = render(campaign, 6, people.fullest(Segment.CRITICAL), "fr-CA")

    assert mail.text.count("- [ ] ") == mail.html.count("\u2610&nbsp;") == mail.html.count("list-style: none") == 12
    assert "[ ]" not in mail.html


@pytest.mark.parametrize(
    ("books", "words"),
    [(0, "كتاب"), (1, "كتاب واحد"), (2, "كتابان"), (3, "كتب"), (11, "كتابًا"), (100, "كتاب")],
)
def test_arabic_has_six_plurals(arabic: Campaign, books: int, words: str) -> None:
    mail = render(arabic, 1, {"first_name": "ليلى", "books": books}, "ar")

    assert f" {books} {words}" in mail.text


def test_arabic_runs_from_right_to_left(arabic: Campaign) -> None:
    mail = render(arabic, 1, {"first_name": "Ada", "books": 3, "spent": 4200}, "ar")

    # MJML writes this for every column, whatever the column says; each text in it sets its own direction.
    body = mail.html.split("<body", 1)[1].replace("text-align:left;direction:rtl", "direction:rtl")
    assert 'lang="ar" dir="rtl"' in mail.html.split("<head", 1)[0]
    assert 'role="article" lang="ar" dir="rtl"' in body
    assert not re.search(r'direction: ?ltr|text-align: ?left|align="left"|border-left', body)
    assert "\u2068Ada\u2069" in mail.subject
    assert "\u2068Ada\u2069" in mail.text
    assert [samples.IDENTITY.booking_url, UNSUBSCRIBE] == Page(mail.html).links


def test_a_call_in_arabic_says_the_day(arabic: Campaign) -> None:
    call = Meeting(first_name=None, start=datetime(2025, 12, 4, 14, tzinfo=UTC), timezone="Africa/Cairo")

    mail = arabic.messages.render_call_mail("24h", call, samples.IDENTITY, UNSUBSCRIBE)

    assert "الخميس، 4 ديسمبر الساعة 4:00 م (توقيت شرق أوروبا)" in mail.text


@pytest.mark.parametrize(
    ("file", "complaint"),
    [
        ("emails/5-case-study.md", r"fr-CA/emails/5-case-study\.md: cannot be read"),
        ("reminders/2h.md", r"fr-CA/reminders/2h\.md: cannot be read"),
        ("systems.toml", r"fr-CA/systems\.toml: cannot be read"),
        ("strings.toml", r"fr-CA/strings\.toml: cannot be read"),
    ],
)
def test_incomplete_language_is_refused(home: Path, file: str, complaint: str) -> None:
    (home / "christmas_2025" / "fr-CA" / file).unlink()

    with pytest.raises(CampaignError, match=complaint):
        load_campaign("christmas_2025", directory=home)


@pytest.mark.parametrize(
    ("file", "passage", "by", "complaint"),
    [
        ("fr-CA/systems.toml", "[crew]", "[crow]", r"fr-CA/systems\.toml: \[crew\] is missing"),
        ("fr-CA/strings.toml", 'emails = "Vous', '# "Vous', r"footer\.emails: missing; add it"),
        (
            "fr-CA/emails/1-results.md",
            'one="système rouge", ',
            "",
            r"line 16: the text: counted: no form for one; name",
        ),
        (
            "fr-CA/emails/1-results.md",
            "{{ score }} sur",
            "{{ pointage }} sur",
            r"fr-CA/emails.* unknown variable 'pointage'",
        ),
    ],
)
def test_mistake_in_an_additional_language_is_refused(
    home: Path, spoil: Callable[[str, str, str], None], file: str, passage: str, by: str, complaint: str
) -> None:
    spoil(file, passage, by)

    with pytest.raises(CampaignError, match=complaint):
        load_campaign("christmas_2025", directory=home)


@pytest.mark.parametrize("place", ["unsubscribe_page.ask_all_note", "calendar.gone_text", "footer.follow_ups"])
def test_language_without_shared_strings_must_define_all_of_them(tmp_path: Path, place: str) -> None:
    shutil.copytree(ARABIC / "diwan", tmp_path / "diwan")
    file = tmp_path / "diwan" / "ar" / "strings.toml"
    text, name = file.read_text(encoding="utf-8"), place.partition(".")[2]
    file.write_text("\n".join(line for line in text.split("\n") if not line.startswith(name)), encoding="utf-8")

    with pytest.raises(CampaignError, match=rf"ar/strings\.toml: line \d+: {re.escape(place)}: missing"):
        load_campaign("diwan", directory=tmp_path)
