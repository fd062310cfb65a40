"""The console's page of queues, workers and failed jobs: requeue and delete take effect once and are logged."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
import redis
from dramatiq.common import xq_name

from common.ledger import keys
from common.ledger.action_log import ActionFilter
from common.queue.broker import DurableRedisBroker
from common.queue.job import Job
from common.queue.layout import NAMESPACE
from common.settings.console_users import new_user
from common.store.clients import connect
from tests.console.conftest import Answer, Console, OpenConsole

STEP = "enr_aaaaaaaaaaaaaaaa/step-2"
KEY_ERROR = "KeyError: 'step'"


@pytest.fixture
def broker(store_url: str, console: Console) -> Iterator[DurableRedisBroker]:
    """A worker's broker, without its threads."""
    with connect(store_url) as client:
        broker = DurableRedisBroker(client=client, namespace=NAMESPACE, middleware=[])
        broker.clock = console.clock
        for queue in ("send", "classify"):
            broker.declare_queue(queue)
        yield broker


def fail(
    broker: DurableRedisBroker,
    *,
    traceback: str = "ValueError: <b>internal</b> error",
    step: str = STEP,
    actor: str = "send",
) -> str:
    """Make a job fail with an internal error, in the queue that is named after its actor. Return its id."""
    broker.schedule(Job(id=step, actor=actor, args=(step,), due_ms=broker.clock.now_ms()))
    broker.promote()
    consumer = broker.consume(actor, prefetch=1, timeout=1)
    message = next(consumer)
    assert message is not None
    message.options["traceback"] = traceback
    consumer.nack(message)
    return str(message.options["redis_message_id"])


async def act(console: Console, what: str, job: str, queue: str = "send") -> Answer:
    return await console.post(f"/queues/{what}", queue=queue, job=job)


async def actions_of(console: Console) -> list[tuple[str, tuple[str, ...]]]:
    return [(one.what, one.on) for one in await console.context.ledger.action_log.newest(ActionFilter())]


async def test_each_queue_shows_its_depth_and_each_worker_its_heartbeat(
    console: Console, broker: DurableRedisBroker
) -> None:
    broker.schedule(Job(id=STEP, actor="send", args=(STEP,), due_ms=console.clock.now_ms() + 60_000))
    broker.do_heartbeat("")

    page = (await console.get("/queues")).text

    for queue in ("classify", "send", "send_sms", "bookings", "notion_sync", "announce", "replay"):
        assert f'<th scope="row">{queue}</th>' in page
    assert broker.broker_id in page
    assert 'href="/dramatiq/"' in page


async def test_failed_job_shows_its_traceback_and_links_to_its_person(
    console: Console, broker: DurableRedisBroker
) -> None:
    job = fail(broker)

    everything, of_queue = (await console.get("/queues")).text, (await console.get("/queues?queue=send")).text
    of_another = (await console.get("/queues?queue=classify")).text

    for page in (everything, of_queue):
        assert "ValueError: &lt;b&gt;internal&lt;/b&gt; error" in page
        assert job in page
        assert '<a href="/people/enr_aaaaaaaaaaaaaaaa">' in page
    assert job not in of_another


async def test_a_requeued_job_runs_again_once(console: Console, broker: DurableRedisBroker) -> None:
    job = fail(broker)
    broker.client.hset(broker.layout.crashes("send"), job, 3)

    first, second = await act(console, "requeue", job), await act(console, "requeue", job)

    assert (first.location, second.location) == ("/queues?done=requeue", "/queues?done=gone")
    assert "Requeued" in (await console.get(first.location)).text
    message = next(broker.consume("send", prefetch=1, timeout=1))
    assert message is not None
    assert (message.actor_name, list(message.args)) == ("send", [STEP])
    assert broker.client.llen(keys.ready("send")) == 0
    assert not broker.client.exists(broker.layout.crashes("send")), "it may kill as many workers as any other"
    assert await actions_of(console) == [("requeue job", (f"send/{job}",))]


async def test_a_deleted_job_never_runs(console: Console, broker: DurableRedisBroker) -> None:
    job = fail(broker)

    answer = await act(console, "delete", job)

    assert answer.location == "/queues?done=delete"
    assert not broker.client.exists(keys.ready("send"), keys.ready("send") + ".msgs", f"{NAMESPACE}:{xq_name('send')}")
    assert await actions_of(console) == [("delete job", (f"send/{job}",))]


async def test_job_that_has_not_failed_cannot_be_deleted(console: Console, broker: DurableRedisBroker) -> None:
    broker.schedule(Job(id=STEP, actor="send", args=(STEP,), due_ms=console.clock.now_ms()))
    broker.promote()

    answer = await act(console, "delete", f"{STEP}@{console.clock.now_ms()}")

    assert answer.location == "/queues?done=gone"
    assert broker.client.llen(keys.ready("send")) == 1
    assert await actions_of(console) == []


@pytest.mark.parametrize(("queue", "job"), [("nobodys", "x"), ("send", ""), ("send.XQ", "x")])
async def test_a_form_that_names_no_job_is_400(console: Console, queue: str, job: str) -> None:
    assert (await act(console, "delete", job, queue)).status == 400


async def test_an_unreadable_body_hides_no_other_job(console: Console, broker: DurableRedisBroker) -> None:
    job = fail(broker)
    broker.client.zadd(f"{NAMESPACE}:{xq_name('send')}", {"junk": 1})
    broker.client.hset(f"{NAMESPACE}:{xq_name('send')}.msgs", "junk", b"\xff{")

    page = (await console.get("/queues")).text

    assert (job in page, "(unreadable)" in page) == (True, True)


async def test_failed_jobs_are_shown_a_page_at_a_time_newest_first(
    console: Console, store: redis.asyncio.Redis
) -> None:
    for queue, first in (("send", 0), ("classify", 1)):
        await store.zadd(f"{NAMESPACE}:{xq_name(queue)}", {f"job-{n:02}": n for n in range(first, 40, 2)})

    first, second = (await console.get("/queues")).text, (await console.get("/queues?from=25")).text

    assert [f"job-{n:02}" in first for n in (39, 15, 14, 0)] == [True, True, False, False]
    assert [f"job-{n:02}" in second for n in (15, 14, 0)] == [False, True, True]


@pytest.mark.parametrize("what", ["requeue", "delete", "requeue-many", "delete-many"])
async def test_read_only_user_sees_no_queue_forms_and_is_refused(
    open_console: OpenConsole, store_url: str, broker: DurableRedisBroker, what: str
) -> None:
    job = fail(broker)
    mia, token = new_user("mia", "read")
    console = await open_console(store_url, console_users=mia.line)
    await console.log_in(token)
    page = await console.get("/queues")

    answer = await console.post(f"/queues/{what}", queue="send", job=job, actor="send")

    assert f"/queues/{what}" not in page.text
    assert answer.status == 403
    assert broker.client.zcard(f"{NAMESPACE}:{xq_name('send')}") == 1


def fail_many(broker: DurableRedisBroker) -> None:
    """Make five jobs fail: of `send`, three with one error and one with another; of `classify`, one."""
    for number in range(3):
        fail(broker, step=f"enr_{'a' * 16}/step-{number}", traceback="Traceback\n  there\nKeyError: 'step'\n")
    fail(broker, step=f"enr_{'b' * 16}/step-1", traceback="Traceback\nValueError: no hour")
    fail(broker, step=f"enr_{'c' * 16}/step-1", actor="classify", traceback="Traceback\nKeyError: 'step'")


async def failed_of(console: Console) -> list[tuple[str, str]]:
    found, _ = await console.context.ledger.failed_jobs.newest(first=0, number=100)
    return sorted((job.actor, job.error) for job in found)


async def test_failed_jobs_are_counted_by_actor_and_error(console: Console, broker: DurableRedisBroker) -> None:
    fail_many(broker)

    page = " ".join((await console.get("/queues")).text.split())

    assert '<span class="count alarm">3</span> <b>send</b>: KeyError: &#39;step&#39;' in page
    assert '<span class="count alarm">4</span> <b>send</b>: all errors' in page
    assert '<span class="count alarm">1</span> <b>classify</b>: KeyError: &#39;step&#39;' in page
    assert [text in page for text in ("Requeue 3", "Delete 4", "Requeue all 5", "Delete 5")] == [True] * 4


async def test_errors_beyond_the_shown_ones_are_counted(console: Console, broker: DurableRedisBroker) -> None:
    for number in range(22):
        fail(broker, step=f"enr_{'a' * 16}/step-{number}", traceback=f"Traceback\nKeyError: {number}")

    page = (await console.get("/queues")).text

    assert "… and 3 other errors." in page, "nineteen are shown after all errors of the actor together"


@pytest.mark.parametrize(
    ("fields", "number", "left"),
    [
        (
            {"actor": "send", "error": KEY_ERROR},
            3,
            [("classify", KEY_ERROR), ("send", "ValueError: no hour")],
        ),
        ({"actor": "send"}, 4, [("classify", KEY_ERROR)]),
        ({"all": "yes", "queue": "send"}, 4, [("classify", KEY_ERROR)]),
        ({"all": "yes"}, 5, []),
    ],
    ids=["one error", "one actor", "one queue", "all"],
)
@pytest.mark.parametrize(("what", "done"), [("requeue", "requeued"), ("delete", "deleted")])
async def test_chosen_failed_jobs_are_requeued_or_deleted_and_the_others_stay(
    console: Console,
    broker: DurableRedisBroker,
    what: str,
    done: str,
    fields: dict[str, str],
    number: int,
    left: list[tuple[str, str]],
) -> None:
    fail_many(broker)

    first = await console.post(f"/queues/{what}-many", **fields)
    second = await console.post(f"/queues/{what}-many", **fields)

    assert (first.location, second.location) == (f"/queues?{done}={number}", "/queues?done=none")
    assert f"{number} {done}: " in (await console.get(first.location)).text
    assert "Nothing was done" in (await console.get(second.location)).text
    assert await failed_of(console) == left
    ready = sum(broker.client.llen(keys.ready(queue)) for queue in ("send", "classify"))
    assert ready == (number if what == "requeue" else 0)
    [(logged, on)] = await actions_of(console)
    assert (logged, len(on)) == (f"{what} job", number)


@pytest.mark.parametrize(
    "fields", [{}, {"error": KEY_ERROR}, {"all": "yes", "actor": "send"}, {"all": "yes", "queue": "nobodys"}]
)
async def test_a_form_that_does_not_say_which_jobs_is_400(
    console: Console, broker: DurableRedisBroker, fields: dict[str, str]
) -> None:
    fail_many(broker)

    assert (await console.post("/queues/delete-many", **fields)).status == 400
    assert len(await failed_of(console)) == 5


async def test_all_failed_jobs_of_an_actor_are_deleted_even_when_not_all_are_grouped(
    console: Console, broker: DurableRedisBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.console.pages.queues.GROUPED_MAX", 2)
    fail_many(broker)

    page = " ".join((await console.get("/queues")).text.split())
    answer = await console.post("/queues/delete-many", actor="send")

    assert "The counts cover only the newest 2." in page
    assert "also applies to the other 3." in page
    assert answer.location == "/queues?deleted=4"


async def test_long_decision_about_failed_jobs_continues_in_the_background(
    console: Console, broker: DurableRedisBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_many(broker)
    failed, goes_on = console.context.ledger.failed_jobs, asyncio.Event()
    requeue = failed.requeue

    async def slow(queue: str, id: str) -> bool:
        await goes_on.wait()
        return await requeue(queue, id)

    monkeypatch.setattr("services.console.failed_jobs.WAIT_S", 0.05)
    monkeypatch.setattr(failed, "requeue", slow)
    answer = await console.post("/queues/requeue-many", all="yes")
    page = (await console.get("/queues")).text
    other = await console.post("/queues/delete-many", all="yes")
    goes_on.set()
    while (shown := console.context.job_decisions.shown()) is None or shown.ended_ms is None:
        await asyncio.sleep(0)

    assert answer.location == "/queues"
    assert "local asked to requeue 5 failed jobs: 0 so far." in page
    assert other.status == 409
    assert "Done with 5 jobs. 5 requeued" in (await console.get("/queues")).text
