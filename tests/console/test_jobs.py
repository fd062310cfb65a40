"""A user of the console requests a job from a worker, and sees its result."""

from __future__ import annotations

import json

import pytest

from common.domain.contact import Assessment
from common.domain.ids import enrollment_id
from common.ledger.action_log import ActionFilter
from common.settings.console_users import new_user
from services.simulation.engine import Simulation
from tests.console.conftest import Console, OpenConsole

ADA = enrollment_id("christmas_2025", "ada@example.org")
SARAH = "sarah@businessx.example"


@pytest.fixture
async def signed_up(simulation: Simulation, ada: Assessment) -> Simulation:
    await simulation.sign_up(ada)
    await soon(simulation)
    return simulation


async def soon(simulation: Simulation) -> None:
    await simulation.run(until_ms=simulation.clock.now_ms() + 1_000)


async def test_test_mail_is_requested_and_then_sent(console: Console, signed_up: Simulation) -> None:
    form = (await console.get(f"/people/{ADA}/mails/step-2")).text
    answer = await console.post("/send-test", delivery=f"{ADA}/step-2", to=SARAH, back=f"/people/{ADA}")
    asked = (await console.get(answer.location)).text
    await soon(signed_up)
    sent = (await console.get(answer.location)).text

    assert 'action="/send-test"' in form
    assert answer.status == 303
    assert "<b>Requested</b> by local" in asked
    assert "<b>Sent</b> as <b>[Test] " in sent
    assert "It is in the sandbox's inbox, not in yours." in sent
    assert f'href="/people/{ADA}"' in sent
    assert len(signed_up.mailer.inbox_of(SARAH)) == 1


async def test_job_page_says_why_no_test_mail_was_sent(console: Console, signed_up: Simulation) -> None:
    answer = await console.post("/send-test", campaign="christmas_2025", mail="step-99", to=SARAH)
    await soon(signed_up)

    assert (
        "<b>Not sent</b>: mail: christmas_2025 has none that is called step-99."
        in (await console.get(answer.location)).text
    )


async def test_setting_names_in_a_failure_are_shown_as_code(console: Console) -> None:
    answer = await console.post("/send-test", campaign="christmas_2025", mail="step-1", to=SARAH)
    job, now_ms = answer.location.removeprefix("/jobs/"), console.clock.now_ms()
    await console.context.ledger.console_jobs.fail(job, "check `RESEND_API_KEY` <b>", now_ms=now_ms)

    page = (await console.get(answer.location)).text

    assert "<b>Not sent</b>: check <code>RESEND_API_KEY</code> &lt;b&gt;." in page


async def test_a_form_that_is_sent_twice_asks_once(console: Console, signed_up: Simulation) -> None:
    page = (await console.get(f"/people/{ADA}/mails/step-2")).text
    job = page.partition('name="job" value="')[2].partition('"')[0]
    answers = [await console.post("/send-test", delivery=f"{ADA}/step-2", to=SARAH, job=job) for _ in range(2)]
    await soon(signed_up)

    assert {answer.location for answer in answers} == {f"/jobs/{job}"}
    assert len(signed_up.mailer.inbox_of(SARAH)) == 1
    log = await console.context.ledger.action_log.newest(ActionFilter())
    assert [(one.what, one.on) for one in log] == [("send test", (f"{ADA}/step-2",))]


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"campaign": "christmas_2025", "mail": "step-1", "to": "nobody"}, "`to` must be an e-mail address"),
        ({"campaign": "easter", "mail": "step-1", "to": SARAH}, "`campaign` must be a campaign that runs here"),
        ({"campaign": "christmas_2025", "to": SARAH}, "`mail` must be the id of a step"),
        ({"delivery": "enr_x", "to": SARAH}, "`delivery` must be the id of a delivery"),
    ],
)
async def test_impossible_test_mail_is_refused_at_once(console: Console, fields: dict[str, str], why: str) -> None:
    answer = await console.post("/send-test", **fields)

    assert answer.status == 422
    assert why in answer.text


@pytest.mark.parametrize("back", ["//elsewhere.example/x", "/?//elsewhere.example", "//elsewhere.example?a=b"])
async def test_back_link_of_a_job_stays_in_the_console(console: Console, back: str) -> None:
    given = {"campaign": "christmas_2025", "mail": "step-1", "to": SARAH, "back": back}
    answer = await console.post("/send-test", **given)

    assert "elsewhere.example" not in (await console.get(answer.location)).text


async def test_unknown_console_job_is_404(console: Console) -> None:
    assert [(await console.get(f"/jobs/{job}")).status for job in ("job_aaaaaaaaaaaaaaaa", "x")] == [404, 404]


async def test_program_requests_a_test_mail_and_reads_the_result(
    open_console: OpenConsole, store_url: str, signed_up: Simulation
) -> None:
    (mia, mias), (ron, rons) = new_user("mia", "full"), new_user("ron", "read")
    console = await open_console(store_url, console_users=f"{mia.line},{ron.line}")
    body = {"campaign": "christmas_2025", "mail": "24h", "to": SARAH}

    def token(secret: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {secret}", "Accept": "application/json"}

    refused = await console.request("POST", "/api/send-test", headers=token(rons), json=body)
    asked = json.loads((await console.request("POST", "/api/send-test", headers=token(mias), json=body)).text)
    await soon(signed_up)
    done = json.loads((await console.request("GET", f"/api/jobs/{asked['job']}", headers=token(rons))).text)

    assert refused.status == 403
    assert (asked["state"], done["state"], done["by"]) == ("asked", "done", "mia")
    assert done["provider_id"]
