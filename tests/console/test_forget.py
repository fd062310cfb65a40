"""A person is forgotten at the console: a page says beforehand what will happen, and afterwards what happened."""

from __future__ import annotations

import html
import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from common.clock import VirtualClock
from common.domain.contact import Assessment
from common.domain.ids import enrollment_id
from common.ledger import codec, keys
from common.ledger.action_log import ActionFilter
from common.ledger.contacts import Contacts, Traces
from common.providers.budget import Unlimited
from common.providers.resend.suppression_list import ResendSuppressionList
from common.settings.console_users import new_user
from services.sandbox.ids import API_KEY
from services.simulation.engine import Simulation
from tests.console.conftest import Answer, Console, OpenConsole
from tests.ledger_reads import content
from tests.sandbox.running import RunningSandbox, running

ADDRESS = "ada@example.org"
ADA = enrollment_id("christmas_2025", ADDRESS)
ROWS = {"sequence": "2b1f5c1e-0000-4000-8000-000000000001", "contact": "2b1f5c1e-0000-4000-8000-000000000002"}

REHEARSAL = {"testing_mode": True, "resend_api_key": API_KEY, "sandboxed": frozenset()}


@pytest.fixture
async def sandbox(clock: VirtualClock) -> AsyncIterator[RunningSandbox]:
    async with running(clock=clock) as started:
        yield started


@pytest.fixture
async def worker(simulation: Simulation, sandbox: RunningSandbox, ada: Assessment) -> AsyncIterator[Simulation]:
    """A worker that uses the sandbox's suppression list over HTTP. Ada has signed up and has rows in Notion."""
    of = ResendSuppressionList(API_KEY, sandbox.resend_url, budget=Unlimited())
    simulation.world = replace(simulation.world, suppression_list=of)
    await simulation.sign_up(ada)
    await soon(simulation)
    fields: dict[str, str] = codec.page_fields(ROWS | {"contact_digest": "d1"})
    await simulation.ledger.client.hset(keys.enrollment(ADA), mapping=fields)  # type: ignore[arg-type]
    yield simulation
    await of.close()


async def soon(worker: Simulation) -> None:
    await worker.run(until_ms=worker.clock.now_ms() + 1_000)


async def forget(console: Console) -> Answer:
    """Submit the forget form of Ada's page, as a browser does."""
    page = (await console.get(f"/people/{ADA}")).text
    form = page.partition(f'action="/people/{ADA}/forget"')[2].partition("</form>")[0]
    fields = dict(re.findall(r'name="(form_token|job)" value="([^"]+)"', form))
    return await console.request("POST", f"/people/{ADA}/forget", data={**fields, "confirm": "yes"})


async def listed(sandbox: RunningSandbox) -> list[str]:
    _, answer, _ = await sandbox.resend("GET", "/suppressions")
    return [entry["email"] for entry in answer["data"]]


async def test_the_address_is_on_resends_list_and_the_page_says_so(
    console: Console, worker: Simulation, sandbox: RunningSandbox
) -> None:
    asked = await forget(console)
    before = (await console.get(asked.location)).text
    await soon(worker)
    after = (await console.get(asked.location)).text

    assert await listed(sandbox) == [ADDRESS]
    assert ("<b>Resend's list: requested</b> by local" in before, "data-refresh" in before) == (True, True)
    assert ("<b>Resend's list: added.</b>" in after, "data-refresh" in after) == (True, False)
    refreshed = before.partition('<div id="job" data-refresh>')[2]
    assert "Erased here; the address gets no mail again. It is stored, for at most a day" in refreshed
    assert ["To show this to somebody, search for the address here." in text for text in (before, after)] == [
        False,
        True,
    ]
    assert ["Forgotten: only the hash of the address is stored" in text for text in (before, after)] == [False, True]
    assert "Until then, for at most a day, the address is stored." in before
    assert [ADDRESS in text for text in (before, after)] == [False, False]
    assert ADDRESS not in str(await content(worker.ledger.client))
    log = await console.context.ledger.action_log.newest(ActionFilter())
    assert [(one.by, one.via, one.what, one.on[0], one.after) for one in log] == [
        ("local", "console", "forget", ADA, "on Resend's own suppression list"),
        ("local", "console", "forget", ADA, "erased and suppressed; Resend's list: asked for"),
    ]


async def test_before_the_click_the_page_says_what_will_happen(console: Console, worker: Simulation) -> None:
    page = html.unescape((await console.get(f"/people/{ADA}")).text)

    assert (
        "A worker puts the address on Resend's own suppression list; until then, for at most a day, it is stored."
        in page
    )
    assert "The next page says whether Resend accepted it, and links the person's rows in Notion" in page
    assert "Not erased: their rows in Notion, their mails at Resend" in page


async def test_after_the_click_the_page_names_the_rows_in_notion(console: Console, worker: Simulation) -> None:
    page = (await console.get((await forget(console)).location)).text

    urls = ["https://www.notion.so/" + row.replace("-", "") for row in ROWS.values()]
    assert re.findall(r'href="(https://www.notion.so/[^"]+)"', page) == urls


async def test_notion_rows_of_other_campaigns_and_calls_are_named_when_forgetting(
    console: Console, worker: Simulation
) -> None:
    client, other = console.context.ledger.client, enrollment_id("winter_2026", ADDRESS)
    kept: dict[Any, Any] = await client.hgetall(keys.enrollment(ADA))
    await client.sadd(keys.CAMPAIGNS, "winter_2026")
    await client.hset(keys.enrollment(other), mapping={**kept, "campaign": "winter_2026"})
    rows = ((keys.enrollment(ADA), "a"), (keys.enrollment(other), "b"), (keys.contact(ADA), "c"))
    for key, row in rows:
        fields: dict[Any, Any] = {"email": ADDRESS, **codec.page_fields({"sequence": row * 32})}
        await client.hset(key, mapping=fields)

    page = (await console.get((await forget(console)).location)).text

    assert {row * 32 for _, row in rows} <= set(re.findall(r'href="https://www.notion.so/([^"]+)"', page))


async def test_data_of_a_person_is_gathered_only_when_they_are_forgotten(
    console: Console, worker: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_for, traces = [], Contacts.find_traces

    async def count(self: Contacts, address: str) -> Traces:
        looked_for.append(address)
        return await traces(self, address)

    monkeypatch.setattr(Contacts, "find_traces", count)
    assert (await console.get(f"/people/{ADA}")).status == 200
    assert looked_for == []

    await forget(console)
    assert set(looked_for) == {ADDRESS}


async def test_suppression_refused_by_resend_is_left_to_a_person_with_the_fix(
    console: Console, worker: Simulation, sandbox: RunningSandbox
) -> None:
    of = ResendSuppressionList("re_revoked", sandbox.resend_url, budget=Unlimited())
    worker.world = replace(worker.world, suppression_list=of)
    asked = await forget(console)
    await soon(worker)
    await of.close()
    page = (await console.get(asked.location)).text

    assert "<b>Resend's list: not added.</b>" in page
    assert "check the key: set a valid RESEND_API_KEY" in page
    assert "list by hand, or run <code>advent forget ADDRESS --yes</code> for each." in page
    assert (await console.get(f"/people/{ADA}")).status == 404, "erased all the same"


async def test_page_says_that_the_suppression_is_retried_while_resend_is_away(
    console: Console, worker: Simulation, sandbox: RunningSandbox
) -> None:
    of = ResendSuppressionList(API_KEY, "http://127.0.0.1:9", budget=Unlimited())
    worker.world = replace(worker.world, suppression_list=of)
    asked = await forget(console)
    await soon(worker)
    await of.close()

    assert "The address is not on it yet: connect. A worker tries again" in (await console.get(asked.location)).text


async def test_intentionally_unchanged_resend_list_is_no_alarm(console: Console, worker: Simulation) -> None:
    worker.world = replace(worker.world, settings=worker.world.settings.model_copy(update=REHEARSAL))
    asked = await forget(console)
    await soon(worker)
    page = (await console.get(asked.location)).text

    said = (
        "Resend&#39;s own suppression list was not changed (TESTING_MODE is on, and the list holds for every campaign)."
    )
    assert f'<p class="notice" role="status">\n{said}' in page
    assert "notice alarm" not in page


async def test_forget_form_sent_twice_redirects_to_the_same_page(
    console: Console, worker: Simulation, sandbox: RunningSandbox
) -> None:
    token = (await console.get("/")).form_token
    fields = {"confirm": "yes", "job": "job_aaaaaaaaaaaaaaaa"}
    first, again = [await console.post(f"/people/{ADA}/forget", token=token, **fields) for _ in range(2)]
    await soon(worker)

    assert (first.location, again.location) == ("/jobs/job_aaaaaaaaaaaaaaaa",) * 2
    assert await listed(sandbox) == [ADDRESS]


async def test_program_forgets_a_person_and_reads_the_result(
    open_console: OpenConsole, store_url: str, worker: Simulation, sandbox: RunningSandbox
) -> None:
    mia, secret = new_user("mia", "full")
    console = await open_console(store_url, console_users=mia.line)
    headers = {"Authorization": f"Bearer {secret}", "Accept": "application/json"}

    async def ask(method: str, path: str, **options: object) -> dict[str, object]:
        given: dict[str, object] = json.loads((await console.request(method, path, headers=headers, **options)).text)
        return given

    refused = await ask("POST", f"/api/people/{ADA}/forget", json={})
    done = await ask("POST", f"/api/people/{ADA}/forget", json={"confirm": "yes"})
    asked = await ask("GET", f"/api/jobs/{done['job']}")
    await soon(worker)
    ended = await ask("GET", f"/api/jobs/{done['job']}")

    assert (refused["answer"], refused["job"]) == ("not confirmed", None)
    assert (done["answer"], asked["state"], ended["state"], ended["failure"]) == ("done", "asked", "done", "")
    assert ("until it is on Resend's own suppression list" in str(done["message"]), ended["note"]) == (True, "")
    assert ended["notion_pages"] == ["https://www.notion.so/" + row.replace("-", "") for row in ROWS.values()]
    assert await listed(sandbox) == [ADDRESS]
    log = await console.context.ledger.action_log.newest(ActionFilter())
    assert [(one.by, one.via, one.what) for one in log] == [("mia", "api", "forget")] * 2
