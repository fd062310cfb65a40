"""What one contact reads: their own data, complete, with nothing injected."""

from __future__ import annotations

from dataclasses import replace

import pytest

from common.campaigns import samples
from common.campaigns.gallery import sample_pages
from common.campaigns.loader import Campaign, CampaignError, Identity, Rendered
from common.domain.contact import Assessment, Segment
from tests.campaigns import people
from tests.campaigns.html import Page

IDENTITY = samples.IDENTITY
UNSUBSCRIBE = "https://advent.example/unsubscribe/enr_ada?a=1&b=2"
ADA = people.fullest(Segment.CRITICAL)
BORIS = people.sparsest(Segment.OPTIMIZE)


def render(campaign: Campaign, step: int, person: Assessment, identity: Identity = IDENTITY) -> Rendered:
    return campaign.messages.render(
        step, person, segment=person.segment, identity=identity, unsubscribe_url=UNSUBSCRIBE
    )


def test_first_mail_shows_the_contacts_own_assessment(campaign: Campaign) -> None:
    mail = render(campaign, 1, ADA)

    assert mail.subject == "Ada, your assessment results: 38 out of 100"
    reported = (
        "Maple & Main Salon",
        "$4,200",
        "CREW, your team",
        "RADAR, your marketing",
        "CABIN",
        "44 out of 100",
        "52.5",
    )
    for part in (mail.text, Page(mail.html).words):
        assert [words for words in reported if words not in part] == []
    assert all(f"{colour}: {n} " in mail.text for colour, n in [("Red", 3), ("Orange", 2), ("Yellow", 2), ("Green", 1)])


def test_every_mail_shows_the_sender_the_unsubscribe_link_and_the_booking_link(campaign: Campaign) -> None:
    for step in range(1, 8):
        mail = render(campaign, step, BORIS)
        page = Page(mail.html)
        for shown in (IDENTITY.sender_name, IDENTITY.contact_address, IDENTITY.postal_address):
            assert shown in mail.text
            assert shown in page.words
        assert UNSUBSCRIBE in mail.text
        assert IDENTITY.booking_url in mail.text
        assert [IDENTITY.booking_url, UNSUBSCRIBE] == page.links


def test_seven_mails_to_one_contact_have_seven_subjects_of_readable_length(campaign: Campaign) -> None:
    for kind in people.PEOPLE:
        for segment in Segment:
            person = people.PEOPLE[kind](segment)
            subjects = {render(campaign, step, person).subject for step in range(1, 8)}

            assert len(subjects) == 7
            assert max(map(len, subjects)) <= 60


def test_only_the_second_and_the_last_mail_differ_by_segment(campaign: Campaign) -> None:
    bodies = [len({*step.bodies.values()}) for step in campaign.steps]

    assert bodies == [1, 3, 1, 1, 1, 1, 3]


@pytest.mark.parametrize(
    "system", ["GPS", "CREW", "ENGINE", "FUEL", "CABIN", "COCKPIT", "RADAR", "AUTOPILOT", "front desk"]
)
@pytest.mark.parametrize("segment", list(Segment))
def test_mail_bodies_have_120_to_360_words(campaign: Campaign, system: str, segment: Segment) -> None:
    person = replace(
        people.fullest(segment), weakest_system_1=system, weakest_system_2="cash flow", strongest_system="cockpit"
    )
    for step in range(1, 8):
        body, _, _ = render(campaign, step, person).text.partition("\n--\n")
        assert 120 <= len(body.split()) <= 360, (step, system)


def test_each_system_has_advice_of_its_own(campaign: Campaign) -> None:
    names = ["GPS", "CREW", "ENGINE", "FUEL", "CABIN", "COCKPIT", "RADAR", "AUTOPILOT", "front desk"]

    tips = {
        getattr(campaign.translations["en-CA"].systems.named(name), tip)
        for name in names
        for tip in ("quick_win", "next_win", "check")
    }
    assert 3 * len(names) == len(tips)


@pytest.mark.parametrize(
    "spelling", ["FUEL", "fuel", " Fuel ", "FUEL system", "Fuel (money / cash flow)", "Cash flow", "FUEL - money"]
)
def test_system_is_recognised_in_every_spelling(campaign: Campaign, spelling: str) -> None:
    system = campaign.translations["en-CA"].systems.named(spelling)

    assert system is not None
    assert system.name == "FUEL"


@pytest.mark.parametrize("words", ["front desk", "search engine ranking", "the crew room", "fuelling"])
def test_unknown_system_keeps_the_contacts_own_words(campaign: Campaign, words: str) -> None:
    mail = render(campaign, 2, replace(ADA, weakest_system_1=words))

    assert f"Fix this first: {words}" == mail.subject


@pytest.mark.parametrize(
    "reported",
    [
        {"business_name": ""},
        {"business_name": " \u200b\r\n"},
        {"weakest_system_1": "", "weakest_system_2": None},
        {"weakest_system_1": None, "weakest_system_2": "RADAR"},
        {"weakest_system_2": "crew"},
        {"strongest_system": "CREW"},
        {"revenue_leak_total": 0},
        {"gps_score": None},
        {"money_score": None},
        {"gps_score": 0, "money_score": 0},
        {"red_systems": 0, "orange_systems": 0, "yellow_systems": 0, "green_systems": 0},
        {"assessment_score": 62.25},
    ],
)
def test_missing_values_leave_no_gap_in_a_mail(campaign: Campaign, reported: dict[str, object]) -> None:
    for step in range(1, 8):
        for segment in Segment:
            person = replace(people.fullest(segment), **reported)  # type: ignore[arg-type]
            mail = campaign.messages.render(
                step, person, segment=segment, identity=IDENTITY, unsubscribe_url=UNSUBSCRIBE
            )
            for gap in (" ,", " .", "  ", "None", "$0", "()", "**", "{", "for ,"):
                assert gap not in mail.subject + mail.text.replace("\n  ", "\n")


def test_a_name_is_escaped_in_html_and_nowhere_else(campaign: Campaign) -> None:
    name = "Ben <3 [x] *&*"

    mail = render(campaign, 4, replace(ADA, first_name=name))

    assert f"Hi {name}," in mail.text
    assert "Hi Ben &lt;3 [x] *&amp;*," in mail.html
    assert [IDENTITY.booking_url, UNSUBSCRIBE] == Page(mail.html).links


def test_a_line_break_in_a_name_does_not_reach_a_header(campaign: Campaign) -> None:
    mail = render(campaign, 1, replace(ADA, first_name="Ada\r\nBcc: x"))

    assert mail.subject == "Ada Bcc: x, your assessment results: 38 out of 100"


def test_long_name_is_in_the_greeting_and_not_in_the_subject(campaign: Campaign) -> None:
    name = "Maria Magdalena de la Villanueva"

    mail = render(campaign, 1, replace(ADA, first_name=name))

    assert mail.subject == "Your assessment results: 38 out of 100"
    assert f"Hi {name}," in mail.text


def test_rendering_a_mail_twice_gives_the_same_bytes(campaign: Campaign) -> None:
    assert [render(campaign, step, ADA) for step in range(1, 8)] == [
        render(campaign, step, ADA) for step in range(1, 8)
    ]


def test_html_suits_gmail_and_screen_readers(campaign: Campaign) -> None:
    for kind in people.PEOPLE:
        cast = {str(segment): people.PEOPLE[kind](segment) for segment in Segment}
        for sample in samples.mails(campaign, IDENTITY, kind=kind, people=cast):
            mail = sample.mail
            page = Page(mail.html)
            assert len(mail.html.encode()) < 100_000
            assert page.language == "en-CA"
            assert not {"script", "img", "link", "iframe", "form", "object"} & set(page.tags)
            assert 'role="article"' in mail.html
            assert "prefers-color-scheme: dark" in mail.html
            assert "display:none" in mail.html.split("<body", 1)[1][:300], "the preheader"


@pytest.mark.parametrize(
    ("field", "value", "setting"),
    [
        ("sender_name", " ", "EMAIL_FROM"),
        ("postal_address", "\n", "EMAIL_POSTAL_ADDRESS"),
        ("booking_url", "", "BOOKING_URL"),
        ("booking_url", "javascript:alert(1)", "BOOKING_URL"),
        ("booking_url", "https://cal.com/a b", "BOOKING_URL"),
    ],
)
def test_sender_identity_with_a_blank_stops_the_mail(campaign: Campaign, field: str, value: str, setting: str) -> None:
    with pytest.raises(CampaignError, match=setting):
        render(campaign, 1, ADA, replace(IDENTITY, **{field: value}))


def test_a_missing_unsubscribe_link_stops_the_mail(campaign: Campaign) -> None:
    with pytest.raises(CampaignError, match="PUBLIC_URL"):
        campaign.messages.render(1, ADA, segment=Segment.CRITICAL, identity=IDENTITY, unsubscribe_url="")


@pytest.mark.parametrize("blank", ["", "\u200b "])
def test_without_a_first_name_the_greeting_reads_well(campaign: Campaign, blank: str) -> None:
    mail = render(campaign, 1, replace(ADA, first_name=blank))

    assert mail.subject.startswith("Your assessment results: ")
    assert "Hello,\n" in mail.text
    assert "Hi " not in mail.text


def test_without_a_reply_address_people_write_to_the_sender(campaign: Campaign) -> None:
    mail = render(campaign, 1, ADA, replace(IDENTITY, reply_to=None, sender="Sarah <s@businessx.example>"))

    assert "Sarah at BusinessX, s@businessx.example" in mail.text


@pytest.mark.parametrize("step", [0, 8, -1])
def test_step_outside_one_to_seven_raises_index_error(campaign: Campaign, step: int) -> None:
    with pytest.raises(IndexError):
        render(campaign, step, ADA)


def test_the_preview_has_every_mail_for_every_segment(campaign: Campaign) -> None:
    names = [page.name.partition(".")[2] for page in sample_pages(campaign, IDENTITY)]

    assert 2 * (3 * 7 * 3 + 2 * (3 + 2)) == len(names) == len(set(names))
    assert {"en-CA.1-results.critical.full", "fr-CA.2-quick-wins.optimize.sparse", "en-CA.reminder-24h.full"} <= set(
        names
    )
