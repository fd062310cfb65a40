"""Notion only displays the ledger: while it is down, mails are still sent on time."""

from __future__ import annotations

from datetime import datetime

from tests.acceptance.place import Place
from tests.acceptance.test_main_story import SENT
from tests.acceptance.waiting import eventually, on_time, punctual
from tests.acceptance.website import person


@punctual
def test_notion_outage_at_the_first_start_delays_no_mail_and_all_rows_appear_later(place: Place) -> None:
    _with_notion(place, {"provider": "notion", "kind": "status", "status": 503})


@punctual
def test_notion_that_never_answers_at_the_first_start_delays_no_mail(place: Place) -> None:
    _with_notion(place, {"provider": "notion", "kind": "hang", "seconds": 60})


def _with_notion(place: Place, fault: dict[str, object]) -> None:
    place.own_store().start()
    place.serve("sandbox")
    place.sandbox.set_faults(fault)
    place.serve("gateway")
    place.serve("worker")

    answer = place.website.post(person("Ada"), "msg_1").json

    eventually(lambda: len(place.sandbox.inbox()) == 7, "seven mails")
    received_s = datetime.fromisoformat(answer["timestamp"]).timestamp()
    for second, mail in enumerate(place.sandbox.inbox()):
        on_time(mail["accepted_at"] / 1000 - received_s - second, 0.5, f"mail {second + 1}")
    assert place.sandbox.rows("Email Sequence") == []
    place.sandbox.set_faults()
    eventually(lambda: place.sandbox.rows("Email Sequence"), "a row", within_s=60)
    eventually(lambda: place.sandbox.rows("Email Sequence")[0]["Sequence Completed"], "a complete row", within_s=60)
    eventually(lambda: place.sandbox.rows("BusinessX Canada"), "a contact", within_s=60)
    (row,) = place.sandbox.rows("Email Sequence")
    assert all(row[name] for name in SENT)
    assert len(place.sandbox.rows("BusinessX Canada")) == 1
