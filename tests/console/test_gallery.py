"""The gallery: every mail of a campaign by segment, language and reader, or as one person reads it."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest

from common.campaigns.campaign import Campaign
from common.domain.contact import Assessment
from common.domain.ids import enrollment_id
from services.simulation.engine import Simulation
from tests.console.conftest import Console, OpenConsole
from tests.texting import texting_folder

PAGE = "/campaigns/christmas_2025/gallery"
ADA = enrollment_id("christmas_2025", "ada@example.org")


def subjects(page: str) -> list[str]:
    return [html.unescape(found) for found in re.findall(r"<h2>(.*?)</h2>", page)]


async def test_every_mail_of_a_segment_is_there_in_four_views(console: Console, campaign: Campaign) -> None:
    page = (await console.get(PAGE)).text

    number = len(campaign.steps) + len(campaign.reminders) + len(campaign.follow_ups) + len(campaign.sms_reminders)
    assert len(subjects(page)) == number
    assert page.count("<iframe") == 3 * number
    assert page.count("<figcaption>Text part") == number


@pytest.mark.parametrize("reader", ["full", "sparse", "awkward"])
@pytest.mark.parametrize("language", ["en-CA", "fr-CA"])
@pytest.mark.parametrize("segment", ["CRITICAL", "OPTIMIZE"])
async def test_a_mail_is_chosen_by_segment_language_and_reader(
    console: Console, segment: str, language: str, reader: str
) -> None:
    page = (await console.get(f"{PAGE}?mail=step-2&segment={segment}&language={language}&reader={reader}")).text

    assert len(subjects(page)) == 1
    assert f"{segment} · {language} · " in page
    assert (f"A worker sends it at once, in {language}, marked [Test]." in page) == (reader == "full")


async def test_gallery_frame_shows_the_mail_in_a_sandbox_without_scripts(console: Console) -> None:
    page = (await console.get(f"{PAGE}?mail=step-1")).text
    desktop, phone, dark = map(html.unescape, re.findall(r'src="([^"]*gallery/body[^"]*)"', page))

    body = await console.get(desktop)
    in_the_dark = await console.get(dark)

    assert desktop == phone
    assert "Ada" in body.text or "first name" in body.text
    assert "sandbox" in body.headers["Content-Security-Policy"].split(";")[0]
    assert "script-src" not in body.headers["Content-Security-Policy"]
    assert ("@media not all" in body.text, "@media all" in body.text) == (True, False)
    assert ("@media not all" in in_the_dark.text, "@media all" in in_the_dark.text) == (False, True)


async def test_unknown_gallery_choices_fall_back_to_the_defaults(console: Console) -> None:
    page = (await console.get(f"{PAGE}?mail=step-99&segment=NONE&language=xx&reader=nobody&version=old")).text

    assert len(subjects(page)) > 7
    assert "CRITICAL · en-CA · answered everything" in page


async def test_the_mails_are_shown_as_one_person_reads_them(
    console: Console, simulation: Simulation, ada: Assessment
) -> None:
    await simulation.sign_up(ada)
    await simulation.run(until_ms=simulation.clock.now_ms() + 1_000)

    person = (await console.get(f"/people/{ADA}")).text
    link = re.search(r'href="([^"]+)">Every mail as this person reads it', person)
    assert link is not None
    page = (await console.get(link[1])).text
    [*frames] = map(html.unescape, re.findall(r'src="([^"]*gallery/body[^"]*)"', page))

    assert "as Ada reads them" in page
    assert len(subjects(page)) == 7
    assert "Ada" in (await console.get(frames[0])).text
    assert "advent.example/unsubscribe/sample" in (await console.get(frames[0])).text


async def test_a_person_of_another_campaign_is_refused(console: Console) -> None:
    assert (await console.get(f"{PAGE}?person={ADA}")).status == 404
    assert (await console.get(f"{PAGE}?person=everybody")).status == 404


async def test_gallery_shows_mails_of_files_that_are_not_in_force(
    open_console: OpenConsole, store_url: str, edited_files: Path
) -> None:
    console = await open_console(store_url, campaigns_dir=edited_files)

    page = (await console.get(f"{PAGE}?mail=step-5&version=files")).text

    assert "New: " in subjects(page)[0]
    assert "which are not in force" in page


async def test_an_sms_is_shown_with_its_price(open_console: OpenConsole, store_url: str, tmp_path: Path) -> None:
    console = await open_console(store_url, campaigns_dir=texting_folder(tmp_path))

    page = (await console.get(f"{PAGE}?mail=sms-24h&version=files")).text

    assert len(subjects(page)) == 1
    assert re.match(r"SMS: \d segments? in", subjects(page)[0])


async def test_files_that_cannot_be_read_are_named_with_the_cure(
    open_console: OpenConsole, store_url: str, edited_files: Path
) -> None:
    console = await open_console(store_url, campaigns_dir=edited_files)
    (edited_files / "christmas_2025" / "campaign.toml").write_text("name = 1")

    answer = await console.get(f"{PAGE}?version=files")

    assert answer.status == 409
    assert "campaign.toml" in answer.text


async def test_test_mail_is_requested_from_the_gallery(console: Console) -> None:
    page = await console.get(f"{PAGE}?mail=step-2&segment=URGENT&language=fr-CA")
    fields = dict(
        re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text.partition('action="/send-test"')[2])
    )

    fields = {name: html.unescape(value) for name, value in fields.items()}
    asked = await console.post("/send-test", token=page.form_token, to="sarah@businessx.example", **fields)
    job = (await console.get(asked.location)).text

    assert {name: fields[name] for name in ("campaign", "mail", "segment", "language", "back")} == {
        "campaign": "christmas_2025",
        "mail": "step-2",
        "segment": "URGENT",
        "language": "fr-CA",
        "back": f"{PAGE}?mail=step-2&segment=URGENT&language=fr-CA&reader=full",
    }
    assert "sarah@businessx.example" in job
    assert f'<a href="{html.escape(fields["back"])}">← Back</a>' in job


async def test_test_mail_of_a_gallery_links_back_to_the_same_person(
    console: Console, simulation: Simulation, ada: Assessment
) -> None:
    await simulation.sign_up(ada)
    person = enrollment_id("christmas_2025", ada.email)

    page = (await console.get(f"{PAGE}?person={person}&mail=step-2")).text

    assert f'name="back" value="{PAGE}?person={person}&amp;mail=step-2"' in page


@pytest.mark.parametrize("query", ["reader=awkward", "version=files"])
async def test_gallery_has_no_test_form_for_mails_that_no_worker_sends_as_a_test(console: Console, query: str) -> None:
    assert 'action="/send-test"' not in (await console.get(f"{PAGE}?{query}")).text
