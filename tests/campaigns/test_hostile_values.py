"""Whatever a contact types into the assessment is shown as text and has no effect."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from datetime import date

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from common.campaigns import samples
from common.campaigns.loader import Campaign, Rendered
from common.campaigns.markdown import TextWriter, parsed
from common.campaigns.wording import clean, literal
from common.domain.contact import Assessment, Segment
from common.normalization.text import reason_name_unusable, reason_unusable
from tests.campaigns import people
from tests.campaigns.html import Page

UNSUBSCRIBE = "https://advent.example/unsubscribe/enr_ada"
LINKS = [samples.IDENTITY.booking_url, UNSUBSCRIBE]

SNIPPETS = st.sampled_from(
    [
        *("<script>", "</td>", "<!--", "-->", "<mj-text>", "]]>", "<b", '"', "'", "&amp;", "&#42;", "&", "javascript:"),
        *(
            "[x](http://evil.example)",
            "![x](y)",
            "<http://evil.example>",
            "**",
            "__",
            "`",
            "```",
            "~~~",
            "> ",
            "# ",
            "- ",
        ),
        *(
            "1. ",
            "---",
            "===",
            "\\",
            "\\\\",
            "|",
            "{{",
            "}}",
            "{% raw %}",
            "{#",
            "\r\n",
            "\n\n",
            "\t",
            "    ",
            "\u2028",
        ),
        *("\x00", "\x1b[31m", "\ue000scoreboard\ue000", "\u202e", "\ufeff", "\ufffe", "\U0001f384", "é", "Bcc: x@y"),
    ]
)
VALUES = st.lists(SNIPPETS | st.text(max_size=8), min_size=1, max_size=6).map("".join)
SEGMENTS = st.sampled_from(list(Segment))
STEPS = st.integers(1, 7)
SLOW = settings(max_examples=60)


def render(campaign: Campaign, step: int, person: Assessment, segment: Segment) -> Rendered:
    return campaign.messages.render(
        step, person, segment=segment, identity=samples.IDENTITY, unsubscribe_url=UNSUBSCRIBE
    )


def person_of(segment: Segment, name: str, business: str, weakest: str, strongest: str) -> Assessment:
    return replace(
        people.fullest(segment),
        first_name=name,
        business_name=business,
        weakest_system_1=weakest,
        weakest_system_2=None,
        strongest_system=strongest,
    )


@SLOW
@given(name=VALUES, business=VALUES, weakest=VALUES, strongest=VALUES, segment=SEGMENTS, step=STEPS)
def test_values_add_no_tag_no_link_and_no_line(
    campaign: Campaign, name: str, business: str, weakest: str, strongest: str, segment: Segment, step: int
) -> None:
    assume(all(map(clean, (name, business, weakest, strongest))))
    assume(clean(weakest) != clean(strongest))

    mail = render(campaign, step, person_of(segment, name, business, weakest, strongest), segment)
    texts = zip((name, business, weakest, strongest), ("Ada", "Salon", "front desk", "back office"), strict=True)
    tame = render(
        campaign, step, person_of(segment, *("" if reason_unusable(text) else known for text, known in texts)), segment
    )

    page, tame_page = Page(mail.html), Page(tame.html)
    assert tame_page.tags == page.tags
    assert tame_page.attributes == page.attributes
    assert page.links == LINKS
    assert tame.text.count("\n") == mail.text.count("\n")
    greeting = "Hello," if reason_name_unusable(name) else f"Hi {clean(name)},"
    assert greeting in mail.text
    assert mail.subject == mail.subject.strip() != ""
    assert not [character for character in mail.subject if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")]
    assert "  " not in mail.subject + re.sub(r"(?m)^ +", "", mail.text)
    assert all(shown in mail.text for shown in (*LINKS, samples.IDENTITY.postal_address))


ORDINARY = st.text(st.characters(categories=["Lu", "Ll"], max_codepoint=0x17F), min_size=1, max_size=20)
OPTIONAL = st.none() | st.just("") | ORDINARY


@SLOW
@given(
    person=st.builds(
        Assessment,
        email=st.just("ada@example.com"),
        first_name=ORDINARY,
        assessment_score=st.integers(0, 100) | st.floats(0, 100),
        business_name=OPTIONAL,
        red_systems=st.integers(0, 2),
        orange_systems=st.integers(0, 2),
        yellow_systems=st.integers(0, 2),
        green_systems=st.integers(0, 2),
        gps_score=st.none() | st.integers(0, 100),
        money_score=st.none() | st.floats(0, 100),
        weakest_system_1=OPTIONAL | st.sampled_from(["GPS", "Crew", "front desk"]),
        weakest_system_2=OPTIONAL | st.sampled_from(["GPS", "Crew", "front desk"]),
        strongest_system=OPTIONAL | st.sampled_from(["GPS", "Crew", "front desk"]),
        revenue_leak_total=st.none() | st.integers(0, 10**9) | st.floats(0, 1e6),
    ),
    language=st.sampled_from(["en-CA", "fr-CA"]),
    today=st.none() | st.dates(date(2025, 10, 1), date(2026, 1, 31)),
)
def test_no_combination_of_missing_values_leaves_a_blank_in_a_mail(
    campaign: Campaign, person: Assessment, language: str, today: date | None
) -> None:
    typed = (person.first_name, person.business_name, person.weakest_system_1, person.weakest_system_2)
    assume(not {"None", "undefined"} & {*typed, person.strongest_system})
    mails = [
        campaign.messages.render(
            step,
            person,
            segment=person.segment,
            identity=samples.IDENTITY,
            unsubscribe_url=UNSUBSCRIBE,
            language=language,
            today=today,
        )
        for step in range(1, 8)
    ]

    assert len({mail.subject for mail in mails}) == 7
    for mail in mails:
        words = mail.subject + "\n" + re.sub(r"(?m)^ +", "", mail.text)
        for gap in ("{{", "{%", "undefined", "  ", " ,", " .", "**", "()", "$0", "\n\n\n"):
            assert gap not in words
        assert re.search(r"\bNone\b", words) is None


@given(VALUES)
def test_escaped_markdown_reads_as_it_was_typed(value: str) -> None:
    value = clean(value)
    assume(value)

    for source in (literal(value), f"a **{literal(value)}** b", f"- {literal(value)}", f"> {literal(value)}"):
        assert value in TextWriter({}).text(parsed(source))


@given(st.text())
def test_clean_text_stays_clean(value: str) -> None:
    assert clean(value) == clean(clean(value))
