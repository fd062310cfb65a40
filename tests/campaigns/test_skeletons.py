"""A mail made from another contact's skeleton has the same bytes as one rendered from the beginning."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from common.campaigns import samples
from common.campaigns.loader import Campaign, Rendered, load_campaign
from common.campaigns.rendering import Parts, Renderer
from common.campaigns.wording import clean
from common.domain.contact import Assessment, Segment
from tests.campaigns import people
from tests.campaigns.test_hostile_values import SEGMENTS, STEPS, VALUES

# Punctuation at an end and in the middle, what MJML quotes in its own way, and what looks like a placeholder.
EDGES = st.sampled_from(
    ["J.", '"Cut"', "Ada", "e\u0301", "❤️", "a\\b", "\U00010380", "\U000103803\U00010381&\U00010382"]
)
NAMES = EDGES | VALUES
MANY = settings(max_examples=60)


@pytest.fixture(scope="session")
def plain(campaign: Campaign) -> Campaign:
    return replace(campaign, renderer=campaign.renderer.without_skeletons())


def mail(
    campaign: Campaign, step: int, person: Assessment, segment: Segment, token: str = "ada", language: str = "en-CA"
) -> Rendered:
    url = f"https://advent.example/unsubscribe/{token}"
    return campaign.messages.render(
        step,
        person,
        segment=segment,
        identity=samples.IDENTITY,
        unsubscribe_url=url,
        language=language,
        today=date(2025, 11, 10),
    )


@MANY
@given(
    names=st.tuples(NAMES, NAMES, NAMES, NAMES, NAMES),
    figures=st.tuples(st.integers(0, 100), st.floats(-1, 1e6), st.integers(0, 3)),
    segment=SEGMENTS,
    step=STEPS,
    language=st.sampled_from(["en-CA", "fr-CA"]),
)
def test_a_mail_has_the_same_bytes_from_a_skeleton_and_from_the_beginning(
    campaign: Campaign,
    plain: Campaign,
    names: tuple[str, ...],
    figures: tuple[int, float, int],
    segment: Segment,
    step: int,
    language: str,
) -> None:
    assume(clean(names[0]))
    mail(campaign, step, people.fullest(segment), segment, language=language)
    score, money, red = figures
    person = Assessment(
        email="ada@example.com",
        first_name=names[0],
        business_name=names[1],
        weakest_system_1=names[2],
        weakest_system_2=names[3],
        strongest_system=names[4],
        assessment_score=score,
        gps_score=44,
        money_score=money,
        revenue_leak_total=money,
        red_systems=1 + red,
        orange_systems=2,
        yellow_systems=2,
        green_systems=1,
    )

    expected = mail(plain, step, person, segment, names[1], language)
    assert expected == mail(campaign, step, person, segment, names[1], language)


@MANY
@given(title=NAMES, name=NAMES, organizer=NAMES, url=VALUES, kind=st.sampled_from(["24h", "2h", "72h"]))
def test_reminder_has_the_same_bytes_from_a_skeleton_and_from_the_beginning(
    campaign: Campaign, plain: Campaign, title: str, name: str, organizer: str, url: str, kind: str
) -> None:
    meeting = replace(
        samples.MEETINGS["full"],
        title=title,
        first_name=name,
        organizer=organizer,
        join_url=f"https://meet.example.com/{url}",
    )
    campaign.messages.render_call_mail(kind, samples.MEETINGS["full"], samples.IDENTITY, "https://advent.example/u/1")

    for found in ("https://advent.example/u/2", "https://advent.example/u/3"):
        expected = plain.messages.render_call_mail(kind, meeting, samples.IDENTITY, found)
        assert expected == campaign.messages.render_call_mail(kind, meeting, samples.IDENTITY, found)


def test_second_contacts_mail_is_not_rendered_from_the_beginning(
    campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    segment = Segment.CRITICAL
    ada = people.fullest(segment)
    mail(campaign, 1, ada, segment)

    def parsed_again(self: Renderer, mail: object) -> Parts:
        raise AssertionError("rendered from the beginning")

    monkeypatch.setattr(Renderer, "render_from_scratch", parsed_again)
    boris = replace(ada, first_name="Boris", business_name="B. & Sons", red_systems=1, revenue_leak_total=9_000)
    assert mail(campaign, 1, boris, segment, "boris").subject == "Boris, your assessment results: 38 out of 100"


LAYOUTS = {
    "a filter": ("{{ block.html }}", "{{ block.html|replace('Ada', 'Ida') }}"),
    "a length": ("{{ block.html }}", "{{ block.html }}{{ block.html|length }}"),
    "an item": ("{{ block.html }}", "{{ block['html'] }}{{ block['html']|length }}"),
    "a capture": ("{{ block.html }}", "{% set all %}{{ block.html }}{% endset %}{{ all|upper }}"),
    "a colour": ('class="tile {{ row.colour }}"', 'class="tile {{ row.colour }} c{{ row.count }}"'),
    "a subject": ("{{ series }}", "{{ subject|upper }} {{ subject|length }} {{ preheader|e }}"),
    "a quotation": ("{{ series }}", '<span title="{{ subject }} > {{ preheader }}">{{ subject }}</span>'),
    "a comment": ("{{ series }}", "<!-- {{ subject }} --> {{ series }}"),
    "a number": ("{{ row.count }}", "{{ row.count + 1 }} of {{ row.count }}{% if row.count > 2 %}!{% endif %}"),
}
BODIES = {
    "a capture": "{% filter upper %}{{ first_name }}{% endfilter %}",
    "a list": "{{ score }}. {{ first_name }}",
    "an entity": "&{{ first_name }}; and &#{{ score }};",
    "a bracket": "<mailto:{{ first_name }}> <https://{{ first_name }}>",
    "a backslash": "\\{{ first_name }} and \\{{ sender_name }}",
    "code": "`{{ first_name }}` and\n\n    {{ first_name }}",
    "an image": "![{{ first_name }}]({{ first_name }})",
    "a link": "[x](https://x.example/{{ first_name }}) [{{ first_name }}]({{ first_name }}) [{{ first_name }}]",
    "a definition": "[a]: https://a.example\n[b]: https://b.example\n\n[{{ first_name }}] [{{ first_name }}][a]",
    "emphasis": "x**{{ first_name }}**y *{{ sender_name }}*z __{{ first_name }}__ _{{ sender_name }}_a",
    "a heading": "> ## {{ first_name }}\n\n{{ sender_name }}\\\nand\n===\n\n# {{ first_name }} #",
    "a scoreboard": "{% if scoreboard %}\n> {{ scoreboard }}\n\n- {{ scoreboard }}\n{% endif %}",
    "a literal": "{{ 'a' }} {{ 4 }} {{ 'a' ~ first_name }} {{ first_name|e }} {{ first_name|replace('a', 'b') }}",
}
ASSIGNED = {
    "a variable": "{% set you = first_name or sender_name %}{{ you|upper }} {{ you }}",
    "a captured text": "{% set you %}{{ first_name or sender_name }}{% endset %}{{ you|upper }} {{ you }}",
}
"""These stand outside of any condition, because a name that only one branch sets is unknown."""
NAMED = ["Ada", "J.", "(a)", "a", "lt", "12", "https://b.example/", "b & <c> \"d\" 'e' \\", "*", "Ada B", "❤️"]


@pytest.mark.parametrize(
    ("file", "passage", "by"),
    [
        *(pytest.param("layout/mail.mjml", *change, id=f"layout, {name}") for name, change in LAYOUTS.items()),
        *(
            pytest.param("en-CA/emails/3-turned-away.md", "Hi {{ first_name }},", body, id=f"body, {name}")
            for name, body in BODIES.items()
        ),
        *(
            pytest.param("en-CA/emails/3-turned-away.md", "Picture a Thursday", body, id=f"body, {name}")
            for name, body in ASSIGNED.items()
        ),
    ],
)
def test_skeleton_gives_the_same_bytes_for_every_use_of_a_value(
    home: Path, spoil: Callable[[str, str, str], None], file: str, passage: str, by: str
) -> None:
    spoil(file, passage, f"{by}\n\n{passage}" if "emails" in file else by)
    campaign = load_campaign("christmas_2025", directory=home)
    plain = replace(campaign, renderer=campaign.renderer.without_skeletons())
    segment = Segment.URGENT

    for name in NAMED:
        person = replace(people.fullest(segment), first_name=name, business_name=f"{name} & Co.", red_systems=len(name))
        for step in (1, 3):
            assert mail(plain, step, person, segment, name) == mail(campaign, step, person, segment, name)


def test_contact_without_a_name_is_not_greeted_from_the_skeleton_of_a_named_one(campaign: Campaign) -> None:
    segment = Segment.CRITICAL
    plain = replace(campaign, renderer=campaign.renderer.without_skeletons())
    nameless = replace(people.fullest(segment), first_name=" ")
    mail(campaign, 3, people.fullest(segment), segment)

    assert mail(campaign, 3, nameless, segment) == mail(plain, 3, nameless, segment)
    assert "Hello," in mail(campaign, 3, nameless, segment).text
