"""Signups of real forms: a detail that cannot be used never costs a signup, and is noted on the timeline."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from common.domain.enrollment import Enrollment, ExitReason
from common.domain.ids import EnrollmentId, enrollment_id
from common.ledger.reads.contact_timeline import FieldNote, read_field_notes
from common.observability import metrics
from common.store.embedded import EmbeddedStore
from services.gateway.webhooks.signup import parse
from tests.gateway.conftest import Answer, Gateway, OpenGateway, person

CASES = Path(__file__).parents[1] / "fixtures" / "cases"


def case(name: str) -> bytes:
    [path] = CASES.glob(f"{name}.*")
    return path.read_bytes()


async def enrolled(gateway: Gateway, answer: Answer) -> Enrollment:
    found = await gateway.context.intake.ledger.enrollments.get(EnrollmentId(answer.json["enrollment_id"]))
    assert found is not None
    return found


async def notes(gateway: Gateway, answer: Answer) -> list[FieldNote]:
    owner = EnrollmentId(answer.json["enrollment_id"])
    return [note async for note in read_field_notes(gateway.context.intake.ledger, owner)]


def dropped(field: str) -> float:
    return metrics.FIELDS_DROPPED.labels(field)._value.get()


def unknown(name: str) -> float:
    return metrics.FIELDS_UNKNOWN.labels(name)._value.get()


@pytest.mark.parametrize("name", sorted(path.stem for path in CASES.glob("s02_*")))
async def test_invisible_characters_in_an_address_are_removed(gateway: Gateway, name: str) -> None:
    answer = await gateway.post(case(name))

    assert (202, enrollment_id("christmas_2025", "ada@example.com")) == (answer.status, answer.json["enrollment_id"])
    assert [(note.field, note.kept) for note in await notes(gateway, answer)] == [("email", "ada@example.com")]


@pytest.mark.parametrize("name", sorted(path.stem for path in CASES.glob("s04_*")))
async def test_an_unknown_time_zone_is_left_out_and_counted(gateway: Gateway, name: str) -> None:
    before = dropped("timezone")
    answer = await gateway.post(case(name), id="msg_1")
    await gateway.post(case(name), id="msg_1")

    known = {"s04_timezone_3": "America/New_York"}.get(name)
    assert (202, known) == (answer.status, (await enrolled(gateway, answer)).assessment.timezone)
    [note] = await notes(gateway, answer)
    assert ("timezone", known) == (note.field, note.kept)
    assert before + (known is None) == dropped("timezone"), "counted once, however often the id is repeated"


@pytest.mark.parametrize(
    ("sent", "known"),
    [
        ("america/toronto", "America/Toronto"),
        ("US/Eastern", "US/Eastern"),
        ("Pacific Standard Time", "America/Los_Angeles"),
    ],
)
def test_time_zone_is_known_in_any_case_by_alias_and_by_its_windows_name(sent: str, known: str) -> None:
    assert known == read(timezone=sent).timezone


async def test_fields_with_nearly_the_right_name_are_read(gateway: Gateway) -> None:
    before = unknown("redSystems")
    answer = await gateway.post(case("s07_names_of_a_form"))

    assert (answer.status, answer.json["segment"]) == (202, "CRITICAL")
    found = (await enrolled(gateway, answer)).assessment
    assert (found.red_systems, found.revenue_leak_total, found.extra) == (5, 9000, {})
    said = [(note.field, note.what, note.kept) for note in await notes(gateway, answer)]
    assert said == [
        ("red_systems", "was sent as redSystems", 5),
        ("red_systems", "was sent as Red Systems", 5),
        ("revenue_leak_total", "was sent as revenueLeakTotal", 9000),
    ]
    assert before + 1 == unknown("redSystems")


async def test_a_required_field_may_have_nearly_the_right_name(gateway: Gateway) -> None:
    answer = await gateway.post(case("s07_first_name_camel"))

    assert (answer.status, (await enrolled(gateway, answer)).assessment.first_name) == (202, "Fay")


async def test_numbers_sent_as_text_are_read(gateway: Gateway) -> None:
    answer = await gateway.post(case("s07_numbers_as_texts"))

    found = (await enrolled(gateway, answer)).assessment
    assert (answer.status, found.assessment_score, found.red_systems, found.revenue_leak_total) == (202, 72, 2, None)
    assert found.phone == "5551234"


async def test_number_of_hundreds_of_digits_in_a_campaigns_field_is_left_out(gateway: Gateway) -> None:
    answer = await gateway.sign_up(person("ada", system_scores={"GPS": 10**400, "FUEL": 50}))

    assert (answer.status, (await enrolled(gateway, answer)).assessment.extra) == (202, {})
    assert [note.field for note in await notes(gateway, answer)] == ["system_scores"]


async def test_a_visitor_may_be_named_in_any_script(gateway: Gateway) -> None:
    answer = await gateway.sign_up(person("ada", visitor="é" * 64))

    assert (answer.status, await notes(gateway, answer)) == (202, [])


async def test_a_phone_number_of_any_type_is_kept_as_text(gateway: Gateway) -> None:
    answer = await gateway.post(case("s83_phone_number"))

    assert (answer.status, (await enrolled(gateway, answer)).assessment.phone) == (202, "5551234")


async def test_a_unicode_domain_and_its_ascii_form_are_one_person(gateway: Gateway) -> None:
    answers = [await gateway.post(json.dumps(one).encode()) for one in json.loads(case("s34_idn_domain"))]

    assert [answer.status for answer in answers] == [202, 200]
    assert [answer.json["email"] for answer in answers] == ["ada@xn--mller-kva.example"] * 2
    assert (await gateway.post(case("s34_idn_fullwidth_dot"))).json["email"] == "ada@example.com"


async def test_spellings_of_one_mailbox_are_one_person_and_unsubscribe_together(
    open_gateway: OpenGateway, store_url: str
) -> None:
    gateway = await open_gateway(store_url, testing_mode=False)
    people = json.loads(case("s03_spellings"))
    answers = [await gateway.sign_up(who) for who in people]

    assert [answer.status for answer in answers] == [202, 200, 200, 200]
    assert {answer.json["enrollment_id"] for answer in answers} == {enrollment_id("christmas_2025", "adal@gmail.com")}
    ledger, now_ms = gateway.context.intake.ledger, gateway.clock.now_ms()
    await ledger.suppressions.suppress(people[2]["email"], ExitReason.UNSUBSCRIBED, detail="", now_ms=now_ms)
    assert (await enrolled(gateway, answers[0])).exit_reason is ExitReason.UNSUBSCRIBED
    for who in people:
        assert await ledger.suppressions.of(who["email"]) is not None, who


async def test_non_ascii_local_part_is_refused_with_a_message_about_it(gateway: Gateway) -> None:
    answer = await gateway.sign_up(person(email="adä@example.org"))

    [error] = answer.json["errors"]
    assert (answer.status, error["field"]) == (422, "email")
    assert "local part" in error["message"]


LOCALES = {
    "s35_locale_1": None,
    "s35_locale_2": "en-US",
    "s35_locale_3": None,
    "s35_locale_4": None,
    "s35_locale_5": None,
}


@pytest.mark.parametrize(("name", "expected"), LOCALES.items())
async def test_a_locale_is_the_first_usable_tag(gateway: Gateway, name: str, expected: str | None) -> None:
    answer = await gateway.post(case(name))

    assert (202, expected) == (answer.status, (await enrolled(gateway, answer)).assessment.locale)
    assert [note.field for note in await notes(gateway, answer)] == ["locale"]


async def test_a_byte_order_mark_before_the_json_is_skipped(gateway: Gateway) -> None:
    assert (await gateway.post(case("s82_bom"))).status == 202


HOSTILE = json.loads((CASES / "hostile.json").read_text())
# A spreadsheet's formula may stay: no mail, page or title executes it, and it holds nothing to click.
NAMES_KEPT = {"x5@example.com": "adA", "x6@example.com": "=cmd|' /C calc'!A0"}


@pytest.mark.parametrize("who", HOSTILE["signups"], ids=lambda who: who["email"])
async def test_a_hostile_signup_is_taken_without_links_domains_and_markup_in_its_name(
    gateway: Gateway, who: dict[str, Any]
) -> None:
    answer = await gateway.sign_up(who)

    assert answer.status == 202
    assert NAMES_KEPT.get(who["email"], "") == (await enrolled(gateway, answer)).assessment.first_name


@pytest.mark.parametrize("address", HOSTILE["addresses"])
async def test_hostile_address_is_accepted_or_refused_by_field(gateway: Gateway, address: str) -> None:
    answer = await gateway.sign_up(person(email=address))

    assert answer.status in (202, 422)
    if answer.status == 422:
        assert answer.fields == ["email"]


def read(**fields: Any) -> Any:
    return parse(json.dumps(person(**fields)).encode()).assessment


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ((9, 0, 0, 0), (8, 0, 0, 0)),
        ((4, 5, 0, 0), (4, 4, 0, 0)),
        ((2, 2, 2, 6), (2, 2, 2, 2)),
        ((3, 3, 3, 3), (3, 3, 2, 0)),
        ((1, "2", 3.0, -1), (1, 2, 3, 0)),
    ],
)
def test_system_counts_are_cut_to_eight_in_total_and_the_most_urgent_are_kept(
    sent: tuple[Any, ...], kept: tuple[int, ...]
) -> None:
    names = ("red_systems", "orange_systems", "yellow_systems", "green_systems")
    found = read(**dict(zip(names, sent, strict=True)))

    assert kept == tuple(getattr(found, name) for name in names)


async def test_later_signup_without_consent_does_not_remove_the_stored_consent(gateway: Gateway, clock: Any) -> None:
    given = {"consent_text": "I agree", "consent_source": "https://site.example/quiz", "visitor": "v" * 64}
    first = await gateway.sign_up(person("ada", consent_at="2026-11-29T10:00:00Z", **given))
    clock.advance(60_000)
    await gateway.sign_up(person("ada", red_systems=2))

    found = (await enrolled(gateway, first)).assessment
    assert found.red_systems == 2
    assert found.consent is not None
    assert (found.consent.text, found.consent.source) == ("I agree", "https://site.example/quiz")
    assert found.consent.at_ms == 1_795_946_400_000


async def test_notes_of_a_signup_during_a_store_outage_reach_the_timeline(
    open_gateway: OpenGateway, own_store: EmbeddedStore
) -> None:
    gateway = await open_gateway(own_store.url)
    own_store.stop()
    answer = await gateway.sign_up(person("ada", timezone="Mars/Olympus", consent_text="I agree", visitor="v1"))
    assert answer.status == 202

    own_store.start()
    await gateway.wait_until_replayed()
    assert [note.field for note in await notes(gateway, answer)] == ["timezone"]
    consent = (await enrolled(gateway, answer)).assessment.consent
    assert consent is not None
    assert consent.text == "I agree"


@pytest.mark.parametrize("name", sorted(path.stem for path in CASES.glob("s01_*")))
async def test_advertisement_in_a_name_is_dropped_and_counted(gateway: Gateway, name: str) -> None:
    field = "business_name" if "business" in name else "first_name"
    before = dropped(field)
    answer = await gateway.post(case(name))

    found = (await enrolled(gateway, answer)).assessment
    assert (answer.status, found.business_name) == (202, None)
    assert found.first_name == ("Ann" if field == "business_name" else "")
    assert [(note.field, note.kept) for note in await notes(gateway, answer)] == [(field, None)]
    assert before + 1 == dropped(field)


async def test_placeholder_of_a_first_name_is_dropped(gateway: Gateway) -> None:
    for body in json.loads(case("s81_name_placeholder")):
        answer = await gateway.post(json.dumps(body).encode())

        assert (answer.status, (await enrolled(gateway, answer)).assessment.first_name) == (202, ""), body


@pytest.mark.parametrize("field", ["business_name", "weakest_system_1", "weakest_system_2", "strongest_system"])
async def test_free_text_with_a_link_is_dropped_from_a_signup(gateway: Gateway, field: str) -> None:
    answer = await gateway.sign_up(person("ada", **{field: "call www.evil.example"}))

    assert getattr((await enrolled(gateway, answer)).assessment, field) is None
    assert [note.field for note in await notes(gateway, answer)] == [field]
