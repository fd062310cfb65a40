"""What must hold whenever everybody dies at once and one new worker finds what they left: every step ends, once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from common.domain.delivery import DeliveryStatus
from common.domain.enrollment import Enrollment, Status
from common.domain.ids import step_delivery_id
from common.ledger import keys
from tests.interleavings.protocol import ALIVE, CADENCE, ENROLLMENT, SILENT, Protocol
from tests.interleavings.states import Budget, State, Worker

TURNS = 60
IN_DOUBT = "may have been accepted", "outcome of an earlier attempt was unknown"


class Recovery:
    """Checked once for each state of the store: what workers remembered is lost anyway."""

    def __init__(self, protocol: Protocol) -> None:
        self._protocol = protocol
        self.checked: set[Any] = set()

    def check(self, state: State) -> None:
        durable = (state.store, state.now_ms, state.accepted, state.left, state.heard, state.forgotten)
        if durable in self.checked:
            return
        self.checked.add(durable)
        self._protocol.load(replace(state, workers=(Worker("z"),), budget=Budget()))
        self._bury_the_others()
        known = self._to_rest()
        if known is None:
            assert self._protocol.traces() == [], "something is kept of somebody who was forgotten"
            return
        self._every_step_ended(known)
        self._the_dead_can_be_replayed()

    def _bury_the_others(self) -> None:
        client = self._protocol.client
        for worker, _ in client.zrange(keys.HEARTBEATS, 0, -1, withscores=True):
            client.zadd(keys.HEARTBEATS, {worker: SILENT})
        client.zadd(keys.HEARTBEATS, {"z": ALIVE})
        self._protocol.takeover()

    def _to_rest(self) -> Enrollment | None:
        protocol = self._protocol
        for _ in range(TURNS):
            protocol.sweep()
            protocol.promote()
            worked = self._work_off()
            known = protocol.known()
            has_ended = known is None or known.status is not Status.ACTIVE
            if has_ended and not worked and not protocol.client.zcard(keys.OPEN):
                return known
            if not worked:
                protocol.pass_until_something_is_due()
        raise AssertionError(f"it does not come to rest: {known}")

    def _work_off(self) -> bool:
        protocol, worked = self._protocol, False
        while protocol.client.llen(keys.ready("send")) or protocol.at(0) != "fetch":
            protocol.work(0, *(("heard",) if protocol.at(0) == "hand over" else ()))
            worked = True
        return worked

    def _every_step_ended(self, known: Enrollment) -> None:
        accepted = self._protocol.accepted()
        for step in range(1, CADENCE.length + 1):
            key, record = step_delivery_id(ENROLLMENT, step), known.records.get(step)
            if record is None:
                assert known.status is Status.EXITED, f"step {step} has no fate"
                assert key not in accepted, f"step {step} was accepted, and nothing is known of it"
            elif record.fate.is_sent:
                assert key in accepted, f"step {step} is said to be accepted"
            else:
                assert record.detail, f"step {step} is {record.fate} without a reason"
                in_doubt = any(words in record.detail for words in IN_DOUBT)
                assert key not in accepted or in_doubt, f"step {step} was accepted, and is {record}"
        if self._protocol.has_heard():
            assert known.records[1].fate is DeliveryStatus.DELIVERED, (
                f"step 1 arrived, as a webhook told, and is {known.records[1]}"
            )

    def _the_dead_can_be_replayed(self) -> None:
        protocol = self._protocol
        if not protocol.client.zcard(keys.DEAD):
            return
        protocol.replay_all()
        known = self._to_rest()
        assert known is not None
        self._every_step_ended(known)
        fates = {record.fate for record in known.records.values()}
        assert all(fate.is_sent for fate in fates) or known.status is Status.EXITED, (
            f"a replay did not help: {known.records}"
        )
