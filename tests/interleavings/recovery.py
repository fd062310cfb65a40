"""Checks that when all workers die at once, one new worker brings every delivery to its end, once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from common.domain.delivery import DeliveryStatus, Record
from common.domain.ids import DeliveryId
from common.ledger import keys
from tests.interleavings.protocol import ALIVE, SILENT, Protocol
from tests.interleavings.states import Budget, State, Worker

TURNS = 60
OUTCOME_UNKNOWN = "may have been accepted", "outcome of an earlier attempt was unknown"


class Recovery:
    """Checks each state of the store once: the memory of the workers is lost anyway."""

    def __init__(self, protocol: Protocol) -> None:
        self._protocol = protocol
        self.checked: set[Any] = set()

    def check(self, state: State) -> None:
        durable = replace(state, workers=(Worker("z"),), budget=Budget(), names=0)
        if self._is_known(durable):
            return
        self._protocol.load(durable)
        self._dead_letter_the_others()
        # Workers that died at different points often leave the same store, and then the rest is the same, too.
        if self._is_known(self._protocol.state()):
            return
        records = self._to_rest()
        if records is None:
            assert self._protocol.traces() == [], "something is kept of somebody who was forgotten"
            return
        self._every_delivery_ended(records)
        self._the_dead_can_be_replayed()

    def _is_known(self, state: State) -> bool:
        is_known = state in self.checked
        self.checked.add(state)
        return is_known

    def _dead_letter_the_others(self) -> None:
        client = self._protocol.client
        for worker, _ in client.zrange(keys.HEARTBEATS, 0, -1, withscores=True):
            client.zadd(keys.HEARTBEATS, {worker: SILENT})
        client.zadd(keys.HEARTBEATS, {"z": ALIVE})
        self._protocol.takeover()

    def _to_rest(self) -> dict[DeliveryId, Record] | None:
        protocol = self._protocol
        for _ in range(TURNS):
            protocol.sweep()
            protocol.promote()
            worked = self._work_off()
            records = protocol.records()
            is_planned = records and any(record.status is DeliveryStatus.PLANNED for record in records.values())
            if not is_planned and not worked and not protocol.client.zcard(keys.OPEN):
                return records
            if not worked:
                protocol.pass_until_something_is_due()
        raise AssertionError(f"it does not come to rest: {records}")

    def _work_off(self) -> bool:
        protocol, worked = self._protocol, False
        while protocol.client.llen(keys.ready(protocol.queue)) or protocol.at(0) != "fetch":
            protocol.work(0, *(("heard",) if protocol.at(0) == "send" else ()))
            worked = True
        return worked

    def _every_delivery_ended(self, records: dict[DeliveryId, Record]) -> None:
        protocol = self._protocol
        accepted = protocol.accepted()
        for key in protocol.deliveries():
            record = records.get(key)
            if record is None:
                assert protocol.is_called_off(key), f"nothing became of {key}"
                assert key not in accepted, f"{key} was accepted, and nothing is known of it"
            elif record.status.is_sent:
                assert key in accepted, f"{key} is said to be accepted"
            else:
                assert record.detail, f"{key} is {record.status} without a reason"
                is_unknown = any(words in record.detail for words in OUTCOME_UNKNOWN)
                assert key not in accepted or is_unknown, f"{key} was accepted, and is {record}"
        if protocol.has_heard():
            first = records[protocol.first]
            assert first.status is DeliveryStatus.DELIVERED, f"it arrived, as a webhook reported, and is {first}"

    def _the_dead_can_be_replayed(self) -> None:
        protocol = self._protocol
        if not protocol.client.zcard(keys.DEAD):
            return
        protocol.replay_all()
        records = self._to_rest()
        assert records is not None
        self._every_delivery_ended(records)
        for key, record in records.items():
            assert record.status.is_sent or protocol.is_called_off(key), f"a replay did not help: {key}, {record}"
