"""The Dramatiq dashboard in the console, over real queues: it shows every job, and its actions are safe."""

from __future__ import annotations

import html
import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from dramatiq.common import dq_name, xq_name

from common.domain.contact import Assessment
from common.domain.delivery import DeliveryStatus
from common.domain.ids import DeliveryId, enrollment_id
from common.ledger import keys
from common.ledger.action_log import ActionFilter
from common.ledger.deliveries import ClaimRefused
from common.queue.broker import DurableRedisBroker
from common.queue.job import Job
from common.queue.layout import NAMESPACE
from common.store.clients import connect
from services.console.dashboard import dashboard
from services.simulation.engine import Simulation
from tests.console.conftest import TOKEN, Answer, Console, OpenConsole

pytest.importorskip("dramatiq_dashboard", reason=dashboard.INSTALL)

# The dashboard reads the clock by a deprecated function when it shows a requeued job.
pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utc:DeprecationWarning")

ADA = enrollment_id("christmas_2025", "ada@example.org")
STEP = f"{ADA}/step-2"


@pytest.fixture
def plain(store_url: str) -> Iterator[redis.Redis]:
    with connect(store_url) as client:
        yield client


@pytest.fixture
def broker(plain: redis.Redis, console: Console) -> DurableRedisBroker:
    """A worker's broker, without its threads."""
    broker = DurableRedisBroker(client=plain, namespace=NAMESPACE, middleware=[])
    broker.clock = console.clock
    broker.declare_queue("send")
    return broker


def job(console: Console, *, in_ms: int = 0) -> Job:
    return Job(id=STEP, actor="send", args=(STEP,), due_ms=console.clock.now_ms() + in_ms)


def failed(broker: DurableRedisBroker, console: Console) -> str:
    """Make a job of the send queue fail with an internal error. Return its id in the store."""
    broker.schedule(job(console))
    broker.promote()
    consumer = broker.consume("send", prefetch=1, timeout=1)
    message = next(consumer)
    assert message is not None
    message.options["traceback"] = "ValueError: internal error"
    consumer.nack(message)
    return str(message.options["redis_message_id"])


def links(page: Answer) -> list[str]:
    return [
        html.unescape(link) for link in re.findall(r'<td class="table__subject[^>]*>\s*<a href="([^"]+)"', page.text)
    ]


def forms(page: Answer, action: str) -> list[dict[str, str]]:
    """Return the hidden fields of each form that posts to this action."""
    found = re.findall(rf'<form action="/dramatiq/{action}"(.*?)</form>', page.text, re.DOTALL)
    return [
        {name: html.unescape(value) for name, value in re.findall(r'name="([^"]+)" value="([^"]*)"', form)}
        for form in found
    ]


async def press(console: Console, page: Answer, action: str) -> Answer:
    (form,) = forms(page, action)
    return await console.request("POST", f"/dramatiq/{action}", data=form)


async def test_every_queue_is_there_with_its_numbers_and_every_worker(
    console: Console, broker: DurableRedisBroker
) -> None:
    broker.schedule(job(console, in_ms=60_000))
    broker.do_heartbeat("")

    page = await console.get("/dramatiq/")

    assert page.status == 200
    for queue in ("classify", "send", "bookings", "notion_sync", "announce", "replay"):
        assert f"/dramatiq/queues/{queue}" in page.text
    assert broker.broker_id in page.text
    assert 'href="/">← Console' in page.text


async def test_delayed_job_with_a_slash_in_its_id_can_be_shown(console: Console, broker: DurableRedisBroker) -> None:
    broker.schedule(job(console, in_ms=60_000))

    (link,) = links(await console.get("/dramatiq/queues/send/delayed"))
    page = await console.get(link)

    assert link == f"/dramatiq/queues/send/delayed/{ADA}%2Fstep-2"
    assert (page.status, STEP in page.text) == (200, True)


async def test_a_scheduled_job_without_a_body_is_counted_listed_and_shown(console: Console, plain: redis.Redis) -> None:
    plain.zadd(f"{NAMESPACE}:{dq_name('send')}", {STEP: console.clock.now_ms() + 60_000})

    (link,) = links(await console.get("/dramatiq/queues/send/delayed"))
    page = await console.get(link)

    assert (page.status, STEP in page.text) == (200, True)
    [send] = [queue for queue in console.app[dashboard.DASHBOARD].app.iface.queues if queue.name == "send"]  # type: ignore[attr-defined]
    assert (send.jobs, send.jobs_delayed, send.jobs_dead) == (0, 1, 0)
    # Only the body of a job says when the job was created.
    assert re.search(r"<time [^>]*>\s*unknown\s*</time>", (await console.get("/dramatiq/queues/send/delayed")).text)


async def test_delayed_jobs_are_shown_a_page_at_a_time_the_soonest_first(
    console: Console, plain: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.console.dashboard.queue_interface.PAGE", 2)
    plain.zadd(f"{NAMESPACE}:{dq_name('send')}", {"third": 30, "first": 10, "second": 20})

    pages = [links(await console.get(f"/dramatiq/queues/send/delayed?cursor={cursor}")) for cursor in (0, 2, 4)]

    assert [[link.rpartition("/")[2] for link in page] for page in pages] == [["first", "second"], ["third"], []]


async def test_promoted_job_is_found_by_its_new_id(console: Console, broker: DurableRedisBroker) -> None:
    broker.schedule(job(console))
    broker.promote()

    (link,) = links(await console.get("/dramatiq/queues/send"))
    page = await console.get(link)

    assert page.status == 200
    assert f"{STEP}@{console.clock.now_ms()}" in page.text


async def test_failed_job_shows_its_reason_and_returns_to_the_queue_when_requeued(
    console: Console, broker: DurableRedisBroker, plain: redis.Redis
) -> None:
    failed(broker, console)
    (link,) = links(await console.get("/dramatiq/queues/send/failed"))

    assert "internal error" in (await console.get(link)).text
    answer = await press(console, await console.get("/dramatiq/queues/send/failed"), "requeue-message")

    assert (answer.status, answer.location) == (302, "/dramatiq/queues/send/failed")
    assert (await console.get(answer.location)).status == 200
    assert plain.hlen(f"{NAMESPACE}:{xq_name('send')}.msgs") == 0
    message = next(broker.consume("send", prefetch=1, timeout=1))
    assert message is not None
    assert (message.actor_name, list(message.args)) == ("send", [STEP])


@pytest.mark.parametrize("tab", ["standard", "delayed", "failed"])
async def test_a_job_is_deleted_from_any_list(
    console: Console, broker: DurableRedisBroker, plain: redis.Redis, tab: str
) -> None:
    if tab == "failed":
        failed(broker, console)
    else:
        broker.schedule(job(console, in_ms=60_000 if tab == "delayed" else 0))
        broker.promote()

    await press(console, await console.get(f"/dramatiq/queues/send/{tab}"), "delete-message")

    assert links(await console.get(f"/dramatiq/queues/send/{tab}")) == []
    name = {"standard": "send", "delayed": dq_name("send"), "failed": xq_name("send")}[tab]
    left: Any = plain.exists(f"{NAMESPACE}:{name}", f"{NAMESPACE}:{name}.msgs")
    assert left == 0


async def test_a_form_without_the_token_or_from_another_site_deletes_nothing(
    console: Console, broker: DurableRedisBroker, plain: redis.Redis
) -> None:
    broker.schedule(job(console, in_ms=60_000))
    (form,) = forms(await console.get("/dramatiq/queues/send/delayed"), "delete-message")

    forged = {**form, "__dd_csrf": "x"}
    without = await console.request("POST", "/dramatiq/delete-message", data=forged, headers={"Cookie": "__dd_csrf=x"})
    elsewhere = await console.request(
        "POST", "/dramatiq/delete-message", data=form, headers={"Origin": "https://evil.example"}
    )

    assert (without.status, elsewhere.status) == (403, 403)
    assert plain.hlen(f"{NAMESPACE}:{dq_name('send')}.msgs") == 1


async def test_a_program_with_the_token_may_use_the_forms_too(
    guarded: Console, broker: DurableRedisBroker, plain: redis.Redis
) -> None:
    guarded.headers["Authorization"] = f"Bearer {TOKEN}"
    broker.schedule(job(guarded, in_ms=60_000))

    answer = await press(guarded, await guarded.get("/dramatiq/queues/send/delayed"), "delete-message")

    assert answer.status in (302, 303)
    assert plain.hlen(f"{NAMESPACE}:{dq_name('send')}.msgs") == 0


async def test_dashboard_sets_no_cookie_of_its_own_and_loads_only_its_styles(console: Console) -> None:
    page = await console.get("/dramatiq/queues/send")
    policy = page.headers["Content-Security-Policy"]

    assert "__dd_csrf" not in page.cookies
    assert "script-src" not in policy
    assert "unsafe" not in policy
    assert re.search(r"style-src 'sha256-[A-Za-z0-9+/=]{44}' 'sha256-[A-Za-z0-9+/=]{44}';", policy)
    assert " style=" not in page.text
    assert "<script" not in page.text


async def test_an_unreadable_body_hides_no_other_job(
    console: Console, broker: DurableRedisBroker, plain: redis.Redis
) -> None:
    broker.schedule(job(console, in_ms=60_000))
    plain.zadd(f"{NAMESPACE}:{dq_name('send')}", {"junk": console.clock.now_ms()})
    plain.hset(f"{NAMESPACE}:{dq_name('send')}.msgs", "junk", b"\xff{")

    page = await console.get("/dramatiq/queues/send/delayed")

    assert len(links(page)) == 2
    assert "(unreadable)" in page.text


@pytest.mark.parametrize("path", ["delete-message", "requeue-message"])
@pytest.mark.parametrize("form", [{}, {"queue": "send"}, {"id": "x"}, {"queue": "nobodys", "id": "x"}])
async def test_a_form_that_names_no_job_is_400(console: Console, path: str, form: dict[str, str]) -> None:
    token = (await console.get("/")).form_token

    answer = await console.request("POST", f"/dramatiq/{path}", data={"__dd_csrf": token, **form})

    assert answer.status == 400
    assert await console.context.ledger.action_log.newest(ActionFilter()) == []


@pytest.mark.parametrize("cursor", ["x", "9" * 19])
async def test_an_invalid_cursor_is_400(console: Console, cursor: str) -> None:
    assert (await console.get(f"/dramatiq/queues/send/delayed?cursor={cursor}")).status == 400


async def test_unknown_queues_and_tabs_are_404(console: Console) -> None:
    assert (await console.get("/dramatiq/queues/nobodys")).status == 404
    assert (await console.get("/dramatiq/queues/send/nowhere")).status == 404
    assert (await console.get("/dramatiq")).location == "/dramatiq/"


async def test_without_the_package_the_page_says_how_to_install_it(
    open_console: OpenConsole, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "dramatiq_dashboard", None)
    console = await open_console(store_url)

    page = await console.request("GET", "/dramatiq/")

    assert page.status == 501
    assert "pip install --no-deps" in page.text


# The actions are safe for the ledger


async def test_planned_mail_deleted_in_the_dashboard_is_rescheduled_by_the_sweeper(
    console: Console, simulation: Simulation, ada: Assessment
) -> None:
    await simulation.sign_up(ada)
    await simulation.run(until_ms=simulation.clock.now_ms() + 1_000)
    page = await console.get("/dramatiq/queues/send/delayed")
    due_ms = await simulation.ledger.client.zscore(keys.delayed("send"), STEP)
    await press(console, page, "delete-message")
    assert await simulation.ledger.client.zscore(keys.delayed("send"), STEP) is None

    await simulation.ledger.schedule.sweep("0", now_ms=round(due_ms) - 30_000)

    assert await simulation.ledger.client.zscore(keys.delayed("send"), STEP) == due_ms
    await simulation.run()
    assert len(simulation.mailer.inbox_of(ada.email)) == 7


async def test_requeued_job_of_an_accepted_mail_sends_nothing(
    console: Console, simulation: Simulation, ada: Assessment, broker: DurableRedisBroker
) -> None:
    await simulation.sign_up(ada)
    await simulation.run()
    failed(broker, console)

    await press(console, await console.get("/dramatiq/queues/send/failed"), "requeue-message")

    message = next(broker.consume("send", prefetch=1, timeout=1))
    assert message is not None
    claim = await simulation.ledger.deliveries.claim(
        DeliveryId(message.args[0]), worker="w", now_ms=simulation.clock.now_ms()
    )
    assert isinstance(claim, ClaimRefused)
    assert (await simulation.ledger.enrollments.get(ADA)).step_status(2)[0] is DeliveryStatus.ACCEPTED  # type: ignore[union-attr]
