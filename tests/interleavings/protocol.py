"""
The send protocol as atomic moves: each move is one script or one request to the provider.

Two workers process one message at a time each, in the order of `actors/sending/send.py` and the broker's consumer:
fetch, start, claim, freeze, send, settle, acknowledge. Between these moves act the scheduler, the rescue, the sweeper,
the clock, a contact who leaves or is forgotten, an operator who replays, and a webhook that reports on the mail. A
worker can die before and after each move.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from actors.sending.failure_policy import decide
from actors.sending.reconcile import NO_KEYS
from common.domain.booking import BookingEvent
from common.domain.delivery import Record, delivery_of
from common.domain.feedback import Feedback, FeedbackKind
from common.domain.ids import DeliveryId
from common.domain.retry import RetryPolicy
from common.errors import Ambiguous
from common.ledger import keys
from common.ledger.codec import read_records
from common.ledger.constants import LEASE_MS
from common.ledger.deliveries import ClaimGranted, ClaimRefused
from common.ledger.ledger import Ledger
from common.queue.job import Job
from common.queue.layout import NAMESPACE
from common.queue.lua_broker import HEARTBEAT_TIMEOUT_MS, compose_scripts
from common.store.clients import connect, connect_async
from tests.interleavings.plans import ADA, CADENCE, CONTACT, NOW_MS, SECOND, STEP, Plan, cancelled, moved, report
from tests.interleavings.snapshots import Snapshots
from tests.interleavings.states import Budget, Move, State, Worker
from tests.ledger_reads import record_of

TIMELINE = keys.timeline(CONTACT)
NOISE = (
    keys.CHANGED,
    TIMELINE,
    keys.delayed("notion_sync"),
    keys.delayed("bookings"),
    *(keys.webhook(webhook) for webhook in ("resend:1", "begin0", "begin1", "move0", "cancel0", "stop")),
)
"""Keys without influence on the protocol: answers to webhooks, which expire, and Notion's mirror with its own job."""
RETRIES = RetryPolicy(attempts_max=2, delay_ms=SECOND)
ALIVE, SILENT = 9e15, 1


class Protocol:
    """A model for `explorer.py`. Its moves assert their guarantees; `recovery.py` checks those of the final state."""

    def __init__(self, url: str, plan: Plan = STEP) -> None:
        self.plan, self.queue = plan, plan.queue
        self.first = plan.deliveries[0]
        self.loop = asyncio.new_event_loop()
        self.client = connect(url)
        self.ledger = Ledger(connect_async(url), campaign="c", cadence=CADENCE, secret_key="k" * 32)
        self.snapshots = Snapshots(self.client)
        self._scripts = {name: self.client.register_script(text) for name, text in compose_scripts(NAMESPACE).items()}
        self._state: State

    def close(self) -> None:
        self.loop.run_until_complete(self.ledger.client.aclose())
        self.loop.close()
        self.client.close()

    def begin(self, budget: Budget, *, workers: int = 2) -> State:
        """Return the state in which her first delivery is due now and her second in an hour."""
        self.client.flushall()
        names = [f"w{number + 1}" for number in range(workers)]
        self.client.zadd(keys.HEARTBEATS, dict.fromkeys(names, ALIVE))
        self._run(self.plan.begin(self.ledger))
        self._drop_noise()
        self.client.delete(keys.delayed("classify"), keys.delayed("classify") + ".msgs")
        self._state = State(self.snapshots.take(), NOW_MS, tuple(Worker(name) for name in names), (), budget)
        return self._state

    # The model of the explorer

    def load(self, state: State) -> None:
        self.snapshots.put(state.store)
        self._state = state

    def state(self) -> State:
        self._drop_noise()
        return replace(self._state, store=self.snapshots.take())

    def moves(self) -> Iterator[Move]:
        now, budget = self._state, self._state.budget
        for number, worker in enumerate(now.workers):
            if self._is_twin(number):
                continue
            yield from self._steps(number, worker)
            if budget.deaths and not worker.is_fresh:
                yield "die", number
            if budget.sleeps and not worker.is_fresh and self._score(worker) == ALIVE:
                yield "sleep", number
            if self._score(worker) != ALIVE:
                yield "wake", number
        if self._due() is not None and self._due() <= now.now_ms:
            yield ("promote",)
        if any(score == SILENT for _, score in self._beats()):
            yield ("takeover",)
        yield ("sweep",)
        if budget.passes:
            yield "pass", "retry"
            # No request lasts as long as a lease. A provider without idempotency keys relies on that.
            if self.plan.number is None or all(worker.at != "send" for worker in now.workers):
                yield "pass", "lease"
        if budget.leaves:
            yield ("leave",)
        if budget.copies:
            yield ("copy",)
        if budget.replays and self.client.zcard(keys.DEAD):
            yield ("replay",)
        if budget.tidings and self.first in dict(now.accepted):
            yield ("hear",)
        if budget.erasures:
            yield ("forget",)
        if budget.reschedules and not now.cancelled:
            yield ("move",)
        if budget.cancels:
            yield ("cancel",)
        if budget.stops:
            yield ("stop",)

    def _is_twin(self, number: int) -> bool:
        """Return whether to omit this worker's moves: while no worker has moved, only the first one's count."""
        return number > 0 and all(worker.is_fresh for worker in self._state.workers)

    def play(self, move: Move) -> None:
        name, *args = move
        getattr(self, {"pass": "passes"}.get(name, name))(*args)

    # A worker's moves

    def _steps(self, number: int, worker: Worker) -> Iterator[Move]:
        if worker.at == "fetch":
            if self.client.llen(keys.ready(self.queue)):
                yield "work", number
        elif worker.at == "send":
            yield "work", number, "heard"
            if self._state.budget.troubles:
                yield "work", number, "unheard"
                yield "work", number, "refused"
        else:
            yield "work", number

    def work(self, number: int, *how: str) -> None:
        worker = self._state.workers[number]
        self._become(number, getattr(self, "_" + worker.at.replace(" ", "_"))(worker, *how))

    def _fetch(self, worker: Worker) -> Worker:
        answer = self._script("fetch", worker.name, 1)
        self.client.zadd(keys.HEARTBEATS, {worker.name: ALIVE})  # A fetch counts as a heartbeat.
        return replace(worker, at="start", ready_id=answer[0].decode()) if answer else worker

    def _start(self, worker: Worker) -> Worker:
        begun = self._script("start", worker.name, worker.ready_id)
        return replace(worker, at="claim" if begun else "acknowledge")

    def _claim(self, worker: Worker) -> Worker:
        self.ledger.deliveries._calls = worker.claims
        job = DeliveryId(worker.ready_id.partition("@")[0])
        claim = self._run(self.ledger.deliveries.claim(job, worker=worker.name, now_ms=self._state.now_ms))
        worker = replace(worker, claims=worker.claims + 1)
        if isinstance(claim, ClaimRefused):
            return replace(worker, at="acknowledge")
        self._nobody_else_has(claim, worker)
        is_looked_for = claim.outcome_unknown and not claim.delivery.channel.key_remembered_ms
        at = "look up" if is_looked_for else "freeze"
        return replace(worker, at=at, claim=claim, claimed_ms=self._state.now_ms)

    def _look_up(self, worker: Worker) -> Worker:
        """Settle by the provider's list, because the provider knows no keys; if the list lacks it, a person decides."""
        assert worker.claim is not None
        if worker.claim.id in self.accepted():
            return self._settle(worker, "accepted", "SM1", sent_ms=self._state.now_ms)
        return self._settle(worker, "dead", f"{NO_KEYS}; not found among what Twilio lists")

    def _freeze(self, worker: Worker) -> Worker:
        assert worker.claim is not None
        mail = worker.claim.payload or f"rendered by {worker.name}"
        answer = self._run(
            self.ledger.deliveries.freeze(worker.claim, mail, now_ms=self._state.now_ms, number=self.plan.number)
        )
        if isinstance(answer, ClaimRefused):
            at = {"exited": "settle skipped", "held": "settle held"}.get(answer.reason, "acknowledge")
            return replace(worker, at=at)
        assert not self.is_called_off(worker.claim.id), (
            f"the last line before the provider let {worker.claim.id} through"
        )
        return replace(worker, at="send", mail=mail)

    def _send(self, worker: Worker, how: str) -> Worker:
        assert worker.claim is not None
        if how != "heard":
            self._spend("troubles")
        if how != "refused":
            self._accept(worker.claim.id, worker.mail)
        return replace(worker, at="settle accepted" if how == "heard" else "settle failed")

    def _accept(self, key: str, mail: str) -> None:
        accepted = dict(self._state.accepted)
        assert self.plan.number is None or key not in accepted, f"{key} was sent twice"
        assert accepted.get(key, mail) == mail, f"{key} was sent with other bytes"
        accepted[key] = mail
        self._state = replace(self._state, accepted=tuple(sorted(accepted.items())))

    def _settle_accepted(self, worker: Worker) -> Worker:
        return self._settle(worker, "accepted", "re_1")

    def _settle_skipped(self, worker: Worker) -> Worker:
        return self._settle(worker, "skipped", "unsubscribed")

    def _settle_held(self, worker: Worker) -> Worker:
        return self._settle(worker, "defer", "held", due_ms=self._state.now_ms + SECOND)

    def _settle_failed(self, worker: Worker) -> Worker:
        assert worker.claim is not None
        decided = decide(Ambiguous("read_timeout"), worker.claim, RETRIES)
        due_ms = self._state.now_ms + decided.wait_ms if decided.wait_ms is not None else None
        return self._settle(
            worker, decided.outcome, decided.reason, due_ms=due_ms, outcome_unknown=decided.outcome_unknown
        )

    def _settle(self, worker: Worker, outcome: Any, detail: str, **more: Any) -> Worker:
        claim = worker.claim
        assert claim is not None
        is_late = self.client.hget(keys.delivery(claim.id), "fence") != str(claim.fence).encode()
        before = self.snapshots.take() if is_late else None
        is_recorded = outcome == "accepted" and self._is_recorded(claim.id, detail)
        settled = self._run(self.ledger.deliveries.settle(claim, outcome, detail, now_ms=self._state.now_ms, **more))
        if is_late:
            assert (settled is not None) == is_recorded, f"{worker.name} settled a claim that it had lost"
            assert self.snapshots.take() == before, "a late settle changed something"
        return replace(worker, at="acknowledge", claim=None, claimed_ms=0, mail="")

    def _is_recorded(self, delivery: DeliveryId, provider_id: str) -> bool:
        record = self._run(record_of(self.ledger, delivery))
        return record is not None and record.detail == provider_id

    def _acknowledge(self, worker: Worker) -> Worker:
        self._script("ack", worker.name, worker.ready_id)
        return replace(worker, at="fetch", ready_id="", claim=None, claimed_ms=0, mail="")

    def _nobody_else_has(self, claim: ClaimGranted, worker: Worker) -> None:
        """Check that the last holder of the claim is silent or its lease is over; earlier holders lost it already."""
        for other in self._state.workers:
            held = other.claim
            if other.name == worker.name or held is None or other.at == "acknowledge":
                continue
            if (held.id, held.fence) == (claim.id, claim.fence - 1):
                is_gone = self._score(other) != ALIVE or self._state.now_ms >= other.claimed_ms + LEASE_MS
                assert is_gone, f"{worker.name} and {other.name} both have {claim.id}"

    # The moves of everything else

    def die(self, number: int) -> None:
        """Kill the worker as by kill -9. Another process replaces it, with an empty memory."""
        self._spend("deaths")
        worker = self._state.workers[number]
        self.client.zadd(keys.HEARTBEATS, {worker.name: SILENT}, xx=True)
        name = f"w{self._state.names + 1}"
        self.client.zadd(keys.HEARTBEATS, {name: ALIVE})
        self._state = replace(self._state, names=self._state.names + 1)
        self._become(number, Worker(name))

    def sleep(self, number: int) -> None:
        """Stop the worker as by SIGSTOP: it becomes silent, and continues later where it was."""
        self._spend("sleeps")
        self.client.zadd(keys.HEARTBEATS, {self._state.workers[number].name: SILENT})

    def wake(self, number: int) -> None:
        self.client.zadd(keys.HEARTBEATS, {self._state.workers[number].name: ALIVE})

    def promote(self) -> None:
        self._script("promote", "", 500, self.queue, queue="")

    def takeover(self) -> None:
        self._script("rescue", "", HEARTBEAT_TIMEOUT_MS, queue="")

    def sweep(self) -> None:
        self._run(self.ledger.schedule.sweep("0", now_ms=self._state.now_ms))

    def passes(self, what: str) -> None:
        self._spend("passes")
        self._state = replace(self._state, now_ms=self._state.now_ms + (SECOND if what == "retry" else LEASE_MS + 1))

    def leave(self) -> None:
        self._spend("leaves")
        self._run(
            self.ledger.enrollments.unsubscribe(
                CONTACT, address_hash=self.ledger.store.address_hash(ADA.email), now_ms=self._state.now_ms
            )
        )
        self._state = replace(self._state, left=True)

    def copy(self) -> None:
        """Schedule the job of the first delivery again, as a process may that does not know a worker has it."""
        self._spend("copies")
        due_ms = self._state.now_ms - 1 - self._state.budget.copies  # A different time makes it a different message.
        body = Job(id=self.first, actor=self.queue, queue=self.queue, args=(self.first,), due_ms=due_ms).message()
        self._script("schedule", "", self.first, due_ms, body, "")

    def replay(self) -> None:
        self._spend("replays")
        self._replay(self.first)

    def hear(self) -> None:
        """Record the provider's webhook that the first mail was delivered, possibly before our request is answered."""
        self._spend("tidings")
        now_ms = self._state.now_ms
        reported = Feedback(
            kind=FeedbackKind.DELIVERED,
            delivery_id=self.first,
            contact_id=CONTACT,
            event_ms=now_ms,
            mailed_ms=now_ms,
            received_ms=now_ms,
            provider_id="re_1",
            address=ADA.email if self.plan.number is None else None,
            number=self.plan.number,
        )
        self._run(self.ledger.feedback.record(reported, webhook_id="resend:1"))
        self._state = replace(self._state, heard=not self._state.forgotten)

    def forget(self) -> None:
        self._spend("erasures")
        traces = self._run(self.ledger.contacts.find_traces(ADA.email))
        self._run(self.ledger.contacts.forget(traces, now_ms=self._state.now_ms))
        self._state = replace(self._state, left=True, heard=False, forgotten=True)

    def move(self) -> None:
        self._spend("reschedules")
        self._hear_of_call([moved(self._state.now_ms)], "move")
        self._state = replace(self._state, moved=True)

    def cancel(self) -> None:
        self._spend("cancels")
        self._hear_of_call([cancelled("B" if self._state.moved else "A", self._state.now_ms)], "cancel")
        self._state = replace(self._state, cancelled=True)

    def stop(self) -> None:
        """Let her phone answer STOP."""
        self._spend("stops")
        assert self.plan.number is not None
        self._run(
            self.ledger.texts.receive(self.plan.number, "stop", "STOP", webhook_id="stop", now_ms=self._state.now_ms)
        )
        self._state = replace(self._state, left=True)

    # Used by the recovery

    def deliveries(self) -> Sequence[DeliveryId]:
        """Return all deliveries that were or will be planned."""
        return [*self.plan.deliveries, *(self.plan.after_move if self._state.moved else ())]

    def records(self) -> dict[DeliveryId, Record] | None:
        """Return the records of all planned deliveries, or None once she is forgotten, and only then."""
        found: dict[DeliveryId, Record] = {}
        for owner in dict.fromkeys(delivery_of(one).owner for one in self.deliveries()):
            fields = self._run(self.ledger.store.read_hash(keys.owner(owner)))
            assert (not fields) == self._state.forgotten, f"forgotten: {self._state.forgotten}, and {fields} is known"
            found |= {DeliveryId(f"{owner}/{name}"): record for name, record in read_records(fields).items()}
        return None if self._state.forgotten else found

    def is_called_off(self, delivery: DeliveryId) -> bool:
        now = self._state
        return now.left or now.cancelled or (now.moved and delivery in self.plan.deliveries)

    def has_heard(self) -> bool:
        return self._state.heard

    def traces(self) -> list[bytes]:
        """Return the keys that contain her id, and her scheduled, open and dead deliveries."""
        jobs = [keys.OPEN, keys.DEAD, keys.delayed(self.queue)]
        named = [key for key in self.client.scan_iter(f"*{CONTACT}*") if key.decode() != TIMELINE]
        return named + [job for name in jobs for job in self.client.zrange(name, 0, -1)]

    def at(self, number: int) -> str:
        return self._state.workers[number].at

    def accepted(self) -> dict[str, str]:
        return dict(self._state.accepted)

    def pass_until_something_is_due(self) -> None:
        """Move the clock to the next due time, or by a minute, so that the sweeper can act."""
        due = self._due()
        minute = self._state.now_ms + 60 * SECOND
        later = int(due) if due is not None and due > self._state.now_ms else minute
        self._state = replace(self._state, now_ms=later)

    def replay_all(self) -> None:
        for job in self.client.zrange(keys.DEAD, 0, -1):
            self._replay(DeliveryId(job.decode()))

    # Parts

    def _replay(self, delivery: DeliveryId) -> None:
        """Replay as `actors/dead_letters.py` plans it: without idempotency keys, search the provider's list first."""
        letters, now_ms = self.ledger.dead_letters, self._state.now_ms
        letter = self._run(letters.get(delivery))
        if letter is None:
            return
        if self.plan.number is None:
            self._run(letters.replay(delivery, now_ms=now_ms, way="same"))
        elif letter.outcome_unknown and delivery in self.accepted():
            since_ms = letter.dead_since_ms
            self._run(letters.accept(delivery, "SM1", sent_ms=now_ms, dead_since_ms=since_ms, now_ms=now_ms))
        else:
            self._run(letters.replay(delivery, now_ms=now_ms, way="again" if letter.outcome_unknown else "fresh"))

    def _hear_of_call(self, events: Sequence[BookingEvent], webhook_id: str) -> None:
        self._run(report(self.ledger, events, webhook_id=webhook_id))
        self._run(self.plan.look(self.ledger, self._state.now_ms))

    def _drop_noise(self) -> None:
        self.client.delete(*(each for name in NOISE for each in (name, f"{name}.msgs")))

    def _become(self, number: int, worker: Worker) -> None:
        workers = list(self._state.workers)
        workers[number] = worker
        self._state = replace(self._state, workers=tuple(workers))

    def _spend(self, what: str) -> None:
        budget = self._state.budget
        self._state = replace(self._state, budget=replace(budget, **{what: getattr(budget, what) - 1}))

    def _script(self, name: str, worker: str, *args: Any, queue: str | None = None) -> Any:
        of = self.queue if queue is None else queue
        return self._scripts[name](keys=[NAMESPACE], args=[of, worker, self._state.now_ms, *args])

    def _run(self, call: Any) -> Any:
        return self.loop.run_until_complete(call)

    def _due(self) -> float | None:
        first = self.client.zrange(keys.delayed(self.queue), 0, 0, withscores=True)
        return first[0][1] if first else None

    def _score(self, worker: Worker) -> float | None:
        return self.client.zscore(keys.HEARTBEATS, worker.name)

    def _beats(self) -> list[tuple[bytes, float]]:
        return list(self.client.zrange(keys.HEARTBEATS, 0, -1, withscores=True))
