"""The page of one contact: found by address or id, with the same facts as `advent contact`."""

from __future__ import annotations

import re
from typing import Any

import pytest

from common.campaigns.loader import Campaign
from common.domain.contact import Assessment, Consent
from common.domain.enrollment import ExitReason
from common.domain.ids import enrollment_id
from common.ledger import keys
from common.ledger.action_log import ActionFilter
from common.ledger.contacts import Contacts, Traces
from common.ledger.holds import Hold
from common.ledger.pauses import Pause, campaign_scope
from common.ledger.versions import Versions
from services.console.formatting import readable_times
from services.simulation.engine import Simulation
from tests.console.conftest import Console

ADA = enrollment_id("christmas_2025", "ada@example.org")


@pytest.fixture
async def signed_up(simulation: Simulation, ada: Assessment) -> Simulation:
    await simulation.sign_up(ada)
    await simulation.run(until_ms=simulation.clock.now_ms() + 1_000)
    return simulation


@pytest.mark.parametrize("who", ["ada@example.org", "  Ada@Example.ORG ", ADA])
async def test_search_for_a_contact_redirects_to_a_url_without_the_address(
    console: Console, signed_up: Simulation, who: str
) -> None:
    answer = await console.post("/people", who=who)

    assert (answer.status, answer.location) == (303, f"/people/{ADA}")


async def test_what_happened_and_what_is_next_is_shown_in_order(console: Console, signed_up: Simulation) -> None:
    page = (await console.get(f"/people/{ADA}")).text

    assert "<h1>Ada</h1>" in page
    words = ["signed up", "step 1 accepted", "step 2 planned", "step 7 planned"]
    assert sorted(words, key=page.index) == words
    assert "in 24 h" in page


async def test_a_pause_of_the_contact_is_shown(console: Console, signed_up: Simulation) -> None:
    output = Pause(since_ms=console.clock.now_ms(), by="sarah", reason="asked for it")
    await console.context.ledger.pauses.start(ADA, output)

    assert "Paused since" in (await console.get(f"/people/{ADA}")).text


async def test_the_consent_they_gave_is_shown(console: Console, simulation: Simulation) -> None:
    consent = Consent(text="I <agree>", source="https://site.example/quiz", at_ms=console.clock.now_ms())
    await simulation.sign_up(Assessment(email="ada@example.org", first_name="Ada", assessment_score=1, consent=consent))
    await simulation.run(until_ms=simulation.clock.now_ms() + 1_000)

    page = (await console.get(f"/people/{ADA}")).text

    assert "Consent: I &lt;agree&gt; · https://site.example/quiz · <time" in page


@pytest.mark.parametrize("who", ["nobody@example.org", "<script>@alert", "enr_aaaaaaaaaaaaaaaa", "ü" * 300 + "@x"])
async def test_an_unknown_contact_is_404_and_the_query_is_escaped(console: Console, who: str) -> None:
    answer = await console.post("/people", who=who)

    assert answer.status == 404
    assert "<script>@alert" not in answer.text


@pytest.mark.parametrize("path", ["enr_aaaaaaaaaaaaaaaa", "x", "enr_.."])
async def test_an_unknown_id_is_404(console: Console, path: str) -> None:
    assert (await console.get(f"/people/{path}")).status == 404


async def test_names_of_contacts_are_escaped(console: Console, simulation: Simulation) -> None:
    await simulation.sign_up(Assessment(email="x@example.org", first_name="<img src=x>", assessment_score=1))
    await simulation.run(until_ms=simulation.clock.now_ms() + 1_000)

    page = (await console.get(f"/people/{enrollment_id('christmas_2025', 'x@example.org')}")).text

    assert "<img src=x>" not in page
    assert "&lt;img src=x&gt;" in page


async def decide(console: Console, action: str, **fields: str) -> str:
    """Post this action about Ada. Return the text of the next page."""
    page = await console.get(f"/people/{ADA}")
    answer = await console.post(f"/people/{ADA}/{action}", token=page.form_token, **fields)
    assert answer.status == 303, answer.text
    return (await console.get(answer.location)).text


async def status_of(console: Console, step: int) -> tuple[str, str]:
    known = await console.context.ledger.enrollments.get(ADA)
    assert known is not None
    return known.step_status(step)


async def done_by_whom(console: Console) -> list[tuple[str, str]]:
    return [(one.what, one.on[0]) for one in await console.context.ledger.action_log.newest(ActionFilter())]


async def test_each_mail_of_a_person_shows_its_name_and_the_reason_for_its_time(
    console: Console, signed_up: Simulation, campaign: Campaign
) -> None:
    page = (await console.get(f"/people/{ADA}")).text

    assert all(step.name in page for step in campaign.steps)
    assert "3 d after the signup" in page
    assert "EST" in page, "in the time zone of the campaign, next to ours"


async def test_a_mail_is_shown_as_it_was_sent_and_as_it_would_be_sent(console: Console, signed_up: Simulation) -> None:
    sent = (await console.get(f"/people/{ADA}/mails/step-1")).text
    to_come = (await console.get(f"/people/{ADA}/mails/step-2")).text
    body = await console.get(f"/people/{ADA}/bodies/now/step-2")

    assert "rendered again from the version in force" in " ".join(sent.split())
    assert "As it would be sent now" in to_come
    assert '<iframe class="mail"' in to_come
    assert "Ada" in body.text
    assert body.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert "script-src" not in body.headers["Content-Security-Policy"]


async def test_a_version_is_read_once_for_all_mails_that_it_rendered(
    console: Console, signed_up: Simulation, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, read, asked = console.context.ledger.client, Versions.text, []
    await client.hset(keys.versions(campaign.key), "a1b2", campaign.compiled.to_json())
    await signed_up.run(until_ms=console.clock.now_ms() + 8 * 86_400_000)
    await client.hset(keys.enrollment(ADA), "versions", "@a1b2 step-1 step-2 step-3")

    async def read_and_count(self: Versions, campaign: str, version: str) -> str | None:
        asked.append(version)
        return await read(self, campaign, version)

    monkeypatch.setattr(Versions, "text", read_and_count)
    page = (await console.get(f"/people/{ADA}")).text

    assert asked == ["a1b2"]
    assert all(step.name in page for step in campaign.steps)


async def test_shown_mail_contains_no_working_unsubscribe_link(console: Console, signed_up: Simulation) -> None:
    body = (await console.get(f"/people/{ADA}/bodies/version/step-1")).text

    assert "unsubscribe.invalid" in body
    assert "/unsubscribe/enr" not in body


@pytest.mark.parametrize("path", [f"/people/{ADA}/mails/step-99", f"/people/{ADA}/mails/x", "/people/x/mails/step-1"])
async def test_a_mail_that_does_not_exist_is_404(console: Console, signed_up: Simulation, path: str) -> None:
    assert (await console.get(path)).status == 404


@pytest.mark.parametrize("stop", ["a hold", "a pause of everybody", "a pause of the campaign"])
async def test_resume_of_a_person_says_that_their_mail_still_waits(
    console: Console, signed_up: Simulation, stop: str
) -> None:
    ledger, now_ms = console.context.ledger, console.clock.now_ms()
    await decide(console, "pause")
    if stop == "a hold":
        await ledger.holds.start("clock", Hold(since_ms=now_ms, why="the clocks disagree", cure="Correct them."))
    else:
        scope = campaign_scope("christmas_2025") if stop == "a pause of the campaign" else None
        await ledger.pauses.start(scope, Pause(since_ms=now_ms, by="mia", reason=""))

    page = await decide(console, "resume")

    assert "Resumed, but this person&#39;s mail still waits; each planned mail below says why." in page
    assert "<b>step 2 waits</b>" in page


async def test_pause_and_resume_say_what_they_did_and_are_logged(console: Console, signed_up: Simulation) -> None:
    assert "Paused: nothing is sent" in await decide(console, "pause", reason="on holiday")
    assert "already paused" in await decide(console, "pause")
    page = (await console.get(f"/people/{ADA}")).text
    assert "this person is paused by local: on holiday" in page
    assert "Resumed:" in await decide(console, "resume")
    assert "not paused" in await decide(console, "resume")

    assert await done_by_whom(console) == [("resume", ADA), ("pause", ADA)]


async def test_a_skipped_mail_says_so_and_a_second_click_changes_nothing(
    console: Console, signed_up: Simulation
) -> None:
    assert "Skipped: that mail is never sent" in await decide(console, "skip", mail="step-2")
    assert "already has its final status" in await decide(console, "skip", mail="step-2")

    assert await status_of(console, 2) == ("skipped", "skipped by hand")
    assert await done_by_whom(console) == [("skip", f"{ADA}/step-2")]


async def test_a_mail_that_is_sent_now_waits_for_the_gap_unless_confirmed(
    console: Console, signed_up: Simulation
) -> None:
    assert "as soon as the minimum gap" in await decide(console, "send-now", mail="step-2")
    (action,) = await console.context.ledger.action_log.newest(ActionFilter())
    assert re.fullmatch(r"due \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", action.after)
    assert "is due now" in await decide(console, "send-now", mail="step-2", ignore_gap="yes")

    await signed_up.run(until_ms=signed_up.clock.now_ms() + 60_000)
    assert (await status_of(console, 2))[0] == "accepted"


@pytest.mark.parametrize("mail", ["step-9", "", "x", "step-3"])
async def test_only_the_next_mail_of_the_campaign_is_sent_now(
    console: Console, signed_up: Simulation, mail: str
) -> None:
    assert "Nothing was done" in await decide(console, "send-now", mail=mail)


async def test_suppressed_person_is_unsuppressed_only_with_consent(console: Console, signed_up: Simulation) -> None:
    assert "Suppressed: this address gets no further mail" in await decide(console, "suppress")
    page = (await console.get(f"/people/{ADA}")).text
    assert "Gets no mail: suppressed since" in page
    assert "say how and when" in await decide(console, "unsuppress", consent="  ")

    assert "A worker takes it off" in await decide(console, "unsuppress", consent="by phone, today")
    assert (await console.context.ledger.suppressions.unsuppress_requests())[0].detail == (
        "by local; consent: by phone, today"
    )
    assert [one.after for one in await console.context.ledger.action_log.newest(ActionFilter())] == [
        "asked for, with consent",
        "suppressed",
    ]


async def test_console_cannot_unsuppress_a_contact_who_complained(console: Console, signed_up: Simulation) -> None:
    ledger, now_ms = console.context.ledger, console.clock.now_ms()
    await ledger.suppressions.suppress("ada@example.org", ExitReason.COMPLAINED, detail="", now_ms=now_ms)

    assert "nobody may undo that" in await decide(console, "unsuppress", consent="please")
    assert await ledger.suppressions.unsuppress_requests() == []


async def test_answers_of_a_person_are_shown_after_the_timeline(console: Console, signed_up: Simulation) -> None:
    page = (await console.get(f"/people/{ADA}")).text

    words = ["What happened, and what is to come", "step 2 planned", "What they told us"]
    assert sorted(words, key=page.index) == words
    assert "below each is the time on this person's own clock" in page


async def test_a_person_is_forgotten_only_when_confirmed(console: Console, signed_up: Simulation) -> None:
    assert "tick the box" in await decide(console, "forget")
    assert "Forgotten" in await decide(console, "forget", confirm="yes")

    assert (await console.get(f"/people/{ADA}")).status == 404
    again = await console.post(f"/people/{ADA}/forget", confirm="yes")
    assert "Nothing is stored about this person." in (await console.get(again.location)).text
    assert (await console.post(f"/people/{ADA}/pause")).status == 404
    assert [what for what, _ in await done_by_whom(console)] == ["forget"]


async def test_data_that_arrives_while_a_person_is_forgotten_is_erased_too(
    console: Console, signed_up: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, forget, arriving = console.context.ledger.client, Contacts.forget, [1]
    enrollment: dict[Any, Any] = await client.hgetall(keys.enrollment(ADA))

    async def forget_and_receive(self: Contacts, traces: Traces, **given: Any) -> None:
        await forget(self, traces, **given)
        if arriving.pop():
            await client.hset(keys.enrollment(ADA), mapping=enrollment)
        arriving.append(0)

    monkeypatch.setattr(Contacts, "forget", forget_and_receive)
    assert "Forgotten" in await decide(console, "forget", confirm="yes")

    assert not await client.exists(keys.enrollment(ADA))
    assert await done_by_whom(console) == [("forget", ADA)]


async def test_an_unknown_action_is_404(console: Console, signed_up: Simulation) -> None:
    token = (await console.get("/")).form_token

    assert (await console.post(f"/people/{ADA}/promote", token=token)).status == 404


async def test_times_in_the_timeline_have_the_format_of_the_page(console: Console, signed_up: Simulation) -> None:
    await signed_up.book("ada@example.org", signed_up.clock.now_ms() + 3 * 24 * 3_600_000, uid="A")
    await signed_up.run(until_ms=signed_up.clock.now_ms() + 1_000)

    assert "for 27 Nov 16:00</span>" in (await console.get(f"/people/{ADA}")).text.replace("\n  </span>", "</span>")


@pytest.mark.parametrize(
    "text",
    [
        "2025-02-30T00:00:00Z",
        "2025-13-01T00:00:00.000Z",
        "0000-01-01T00:00:00Z",
        "2025-12-06T25:00:00Z",
        "2025-12-06T15:00:1.2.3Z",
        "2025-12-06T15:00:...Z",
        "9999-12-31T23:59:59.999999Z",
        "\uff12\uff10\uff12\uff15-12-06T15:00:00Z",
    ],
)
def test_text_that_only_looks_like_a_time_is_shown_unchanged(text: str) -> None:
    assert readable_times(f"they wrote {text}.", 1_764_000_000_000) == f"they wrote {text}."
