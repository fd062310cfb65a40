"""The Dramatiq dashboard behind our door, over real queues: what it shows is so, and what it does harms nobody."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from dramatiq.common import dq_name, xq_name

from common.domain.contact import Assessment
from common.domain.delivery import DeliveryStatus
from common.domain.ids import DeliveryId, enrollment_id
from common.ledger import keys
from common.ledger.deliveries import ClaimRefused
from common.queue.broker import DurableRedisBroker
from common.queue.job import QUEUE_NAMESPACE, Job
from common.store.clients import connect
from services.console.queues import dashboard
from services.sandbox.simulation import Simulation
from tests.console.conftest import TOKEN, Answer, Console

pytest.importorskip("dramatiq_dashboard", reason=dashboard.INSTALL)

# Its own way of reading the clock, where a requeued job is shown.
pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utc:DeprecationWarning")

ADA = enrollment_id("christmas_2025", "ada@example.org")
STEP = f"{ADA}/step-2"


@pytest.fixture
def plain(store_url: str) -> Iterator[redis.Redis]:
    with connect(store_url) as client:
        yield client


@pytest.fixture
def broker(plain: redis.Redis, console: Console) -> DurableRedisBroker:
    """As a worker has it, of which no thread runs."""
    broker = DurableRedisBroker(client=plain, namespace=QUEUE_NAMESPACE, middleware=[])
    broker.clock = console.clock
    broker.declare_queue("send")
    return broker


def job(console: Console, *, in_ms: int = 0) -> Job:
    return Job(id=STEP, actor="send", args=(STEP,), due_ms=console.clock.now_ms() + in_ms)


def failed(broker: DurableRedisBroker, console: Console) -> str:
    """A job of the send queue that failed by our own mistake; its id in the store."""
    broker.schedule(job(console))
    broker.promote()
    consumer = broker.consume("send", prefetch=1, timeout=1)
    message = next(consumer)
    assert message is not None
    message.stuff_exception(ValueError("our mistake"))
    consumer.nack(message)
    return str(message.options["redis_message_id"])


def links(page: Answer) -> list[str]:
    return [
        html.unescape(link) for link in re.findall(r'<td class="table__subject[^>]*>\s*<a href="([^"]+)"', page.text)
    ]


def forms(page: Answer, action: str) -> list[dict[str, str]]:
    """The hidden fields of each form that goes to this address."""
    found = re.findall(rf'<form action="/dramatiq/{action}"(.*?)</form>', page.text, re.DOTALL)
    return [
        {name: html.unescape(value) for name, value in re.findall(r'name="([^"]+)" value="([^"]*)"', form)}
        for form in found
    ]


async def press(console: Console, page: Answer, action: str) -> Answer:
    (form,) = forms(page, action)
    return await console.asks("POST", f"/dramatiq/{action}", data=form)


async def test_every_queue_is_there_with_its_numbers_and_every_worker(
    console: Console, broker: DurableRedisBroker
) -> None:
    broker.schedule(job(console, in_ms=60_000))
    broker.do_beat("")

    page = await console.sees("/dramatiq/")

    assert page.status == 200
    for queue in ("classify", "send", "bookings", "notion_sync", "announce", "replay"):
        assert f"/dramatiq/queues/{queue}" in page.text
    assert broker.broker_id in page.text
    assert 'href="/">← Console' in page.text


async def test_a_delayed_job_can_be_looked_at_though_its_id_has_a_slash(
    console: Console, broker: DurableRedisBroker
) -> None:
    broker.schedule(job(console, in_ms=60_000))

    (link,) = links(await console.sees("/dramatiq/queues/send/delayed"))
    page = await console.sees(link)

    assert link == f"/dramatiq/queues/send/delayed/{ADA}%2Fstep-2"
    assert (page.status, STEP in page.text) == (200, True)


async def test_what_the_ledger_planned_is_counted_listed_and_shown_though_it_has_no_body(
    console: Console, plain: redis.Redis
) -> None:
    plain.zadd(f"{QUEUE_NAMESPACE}:{dq_name('send')}", {STEP: console.clock.now_ms() + 60_000})

    (link,) = links(await console.sees("/dramatiq/queues/send/delayed"))
    page = await console.sees(link)

    assert (page.status, STEP in page.text) == (200, True)
    [send] = [queue for queue in console.app[dashboard.DASHBOARD].app.iface.queues if queue.name == "send"]  # type: ignore[attr-defined]
    assert (send.jobs, send.jobs_delayed, send.jobs_dead) == (0, 1, 0)
    # When it was made is kept nowhere.
    assert re.search(r"<time [^>]*>\s*unknown\s*</time>", (await console.sees("/dramatiq/queues/send/delayed")).text)


async def test_what_waits_is_shown_a_page_at_a_time_the_soonest_first(
    console: Console, plain: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.console.queues.reads.PAGE", 2)
    plain.zadd(f"{QUEUE_NAMESPACE}:{dq_name('send')}", {"third": 30, "first": 10, "second": 20})

    pages = [links(await console.sees(f"/dramatiq/queues/send/delayed?cursor={cursor}")) for cursor in (0, 2, 4)]

    assert [[link.rpartition("/")[2] for link in page] for page in pages] == [["first", "second"], ["third"], []]


async def test_a_job_that_became_due_is_found_by_the_id_it_has_since(
    console: Console, broker: DurableRedisBroker
) -> None:
    broker.schedule(job(console))
    broker.promote()

    (link,) = links(await console.sees("/dramatiq/queues/send"))
    page = await console.sees(link)

    assert page.status == 200
    assert f"{STEP}@{console.clock.now_ms()}" in page.text


async def test_a_failed_job_shows_its_reason_and_goes_back_when_requeued(
    console: Console, broker: DurableRedisBroker, plain: redis.Redis
) -> None:
    failed(broker, console)
    (link,) = links(await console.sees("/dramatiq/queues/send/failed"))

    assert "our mistake" in (await console.sees(link)).text
    answer = await press(console, await console.sees("/dramatiq/queues/send/failed"), "requeue-message")

    assert (answer.status, answer.goes_to) == (302, "/dramatiq/queues/send/failed")
    assert (await console.sees(answer.goes_to)).status == 200
    assert plain.hlen(f"{QUEUE_NAMESPACE}:{xq_name('send')}.msgs") == 0
    message = next(broker.consume("send", prefetch=1, timeout=1))
    assert message is not None
    assert (message.actor_name, list(message.args)) == ("send", [STEP])


@pytest.mark.parametrize("tab", ["standard", "delayed", "failed"])
async def test_a_job_is_deleted_wherever_it_is(
    console: Console, broker: DurableRedisBroker, plain: redis.Redis, tab: str
) -> None:
    if tab == "failed":
        failed(broker, console)
    else:
        broker.schedule(job(console, in_ms=60_000 if tab == "delayed" else 0))
        broker.promote()

    await press(console, await console.sees(f"/dramatiq/queues/send/{tab}"), "delete-message")

    assert links(await console.sees(f"/dramatiq/queues/send/{tab}")) == []
    name = {"standard": "send", "delayed": dq_name("send"), "failed": xq_name("send")}[tab]
    left: Any = plain.exists(f"{QUEUE_NAMESPACE}:{name}", f"{QUEUE_NAMESPACE}:{name}.msgs")
    assert left == 0


async def test_a_form_without_our_token_or_from_another_site_deletes_nothing(
    console: Console, broker: DurableRedisBroker, plain: redis.Redis
) -> None:
    broker.schedule(job(console, in_ms=60_000))
    (form,) = forms(await console.sees("/dramatiq/queues/send/delayed"), "delete-message")

    forged = {**form, "__dd_csrf": "x"}
    without = await console.asks("POST", "/dramatiq/delete-message", data=forged, headers={"Cookie": "__dd_csrf=x"})
    elsewhere = await console.asks(
        "POST", "/dramatiq/delete-message", data=form, headers={"Origin": "https://evil.example"}
    )

    assert (without.status, elsewhere.status) == (403, 403)
    assert plain.hlen(f"{QUEUE_NAMESPACE}:{dq_name('send')}.msgs") == 1


async def test_a_program_with_the_token_may_use_the_forms_too(
    guarded: Console, broker: DurableRedisBroker, plain: redis.Redis
) -> None:
    guarded.headers["Authorization"] = f"Bearer {TOKEN}"
    broker.schedule(job(guarded, in_ms=60_000))

    answer = await press(guarded, await guarded.sees("/dramatiq/queues/send/delayed"), "delete-message")

    assert answer.status in (302, 303)
    assert plain.hlen(f"{QUEUE_NAMESPACE}:{dq_name('send')}.msgs") == 0


async def test_its_own_cookie_never_leaves_and_its_pages_may_only_show_their_style(console: Console) -> None:
    page = await console.sees("/dramatiq/queues/send")
    policy = page.headers["Content-Security-Policy"]

    assert "__dd_csrf" not in page.cookies
    assert "script-src" not in policy
    assert "unsafe" not in policy
    assert re.search(r"style-src 'sha256-[A-Za-z0-9+/=]{44}' 'sha256-[A-Za-z0-9+/=]{44}';", policy)
    assert " style=" not in page.text
    assert "<script" not in page.text


async def test_a_body_that_is_no_message_hides_no_other(
    console: Console, broker: DurableRedisBroker, plain: redis.Redis
) -> None:
    broker.schedule(job(console, in_ms=60_000))
    plain.zadd(f"{QUEUE_NAMESPACE}:{dq_name('send')}", {"junk": console.clock.now_ms()})
    plain.hset(f"{QUEUE_NAMESPACE}:{dq_name('send')}.msgs", "junk", b"\xff{")

    page = await console.sees("/dramatiq/queues/send/delayed")

    assert len(links(page)) == 2
    assert "(unreadable)" in page.text


@pytest.mark.parametrize("path", ["delete-message", "requeue-message"])
@pytest.mark.parametrize("form", [{}, {"queue": "send"}, {"id": "x"}, {"queue": "nobodys", "id": "x"}])
async def test_a_form_that_names_no_job_is_the_clients_fault(console: Console, path: str, form: dict[str, str]) -> None:
    token = (await console.sees("/")).form_token

    answer = await console.asks("POST", f"/dramatiq/{path}", data={"__dd_csrf": token, **form})

    assert answer.status == 400


@pytest.mark.parametrize("cursor", ["x", "9" * 19])
async def test_a_cursor_that_is_none_is_the_clients_fault(console: Console, cursor: str) -> None:
    assert (await console.sees(f"/dramatiq/queues/send/delayed?cursor={cursor}")).status == 400


async def test_what_is_not_there_is_404(console: Console) -> None:
    assert (await console.sees("/dramatiq/queues/nobodys")).status == 404
    assert (await console.sees("/dramatiq/queues/send/nowhere")).status == 404
    assert (await console.sees("/dramatiq")).goes_to == "/dramatiq/"


async def test_without_the_package_the_page_says_how_to_install_it(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(console.app._state, dashboard.DASHBOARD)

    page = await console.asks("GET", "/dramatiq/")

    assert page.status == 501
    assert "pip install --no-deps" in page.text


# Safe for the ledger


async def test_a_planned_mail_deleted_here_is_scheduled_again_by_the_sweeper(
    console: Console, story: Simulation, ada: Assessment
) -> None:
    await story.signs_up(ada)
    await story.run(until_ms=story.clock.now_ms() + 1_000)
    page = await console.sees("/dramatiq/queues/send/delayed")
    due_ms = await story.ledger.client.zscore(keys.delayed("send"), STEP)
    await press(console, page, "delete-message")
    assert await story.ledger.client.zscore(keys.delayed("send"), STEP) is None

    await story.ledger.schedule.sweep("0", now_ms=story.clock.now_ms())

    assert await story.ledger.client.zscore(keys.delayed("send"), STEP) == due_ms
    await story.run()
    assert len(story.post_office.inbox_of(ada.email)) == 7


async def test_a_failed_job_requeued_after_its_mail_went_out_sends_nothing(
    console: Console, story: Simulation, ada: Assessment, broker: DurableRedisBroker
) -> None:
    await story.signs_up(ada)
    await story.run()
    failed(broker, console)

    await press(console, await console.sees("/dramatiq/queues/send/failed"), "requeue-message")

    message = next(broker.consume("send", prefetch=1, timeout=1))
    assert message is not None
    claim = await story.ledger.deliveries.claim(DeliveryId(message.args[0]), worker="w", now_ms=story.clock.now_ms())
    assert isinstance(claim, ClaimRefused)
    assert (await story.ledger.enrollments.get(ADA)).fate_of(2)[0] is DeliveryStatus.ACCEPTED  # type: ignore[union-attr]
