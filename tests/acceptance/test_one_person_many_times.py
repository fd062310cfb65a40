"""Emeka's form is submitted sixty times, but he is enrolled once."""

from __future__ import annotations

from tests.acceptance.place import Place
from tests.acceptance.waiting import eventually
from tests.acceptance.website import person

TIMES = 60


def test_sixty_signups_of_one_contact_at_a_cold_start_make_one_enrollment_and_seven_mails(place: Place) -> None:
    place.start("up")

    # The port is not open yet: the first of the sixty webhooks to get through reaches a gateway that has just started.
    signups = [(person("Emeka"), f"msg_{number}") for number in range(TIMES)]
    answers = place.website.post_all(signups, at_once=TIMES, patience_s=30)

    assert sorted(answer.status for answer in answers) == [200] * (TIMES - 1) + [202]
    assert len({answer.json["enrollment_id"] for answer in answers}) == 1
    assert {"accepted", "duplicate"} == {answer.json["status"] for answer in answers}
    _completes(place)
    assert len(place.sandbox.inbox()) == 7
    assert {1} == set(place.sandbox.mails_by_key().values())
    assert len(place.sandbox.rows("Email Sequence")) == 1
    assert len(place.sandbox.rows("BusinessX Canada")) == 1


def test_one_webhook_id_sent_sixty_times_is_answered_with_the_same_bytes_sixty_times(place: Place) -> None:
    place.serve_all()

    answers = place.website.post_all([(person("Emeka"), "msg_1")] * TIMES, at_once=TIMES, patience_s=30)

    assert {202} == {answer.status for answer in answers}
    assert len({answer.body for answer in answers}) == 1
    assert place.ask("status")["enrolled"] == 1


def test_webhook_answer_is_remembered_after_a_full_restart(place: Place) -> None:
    up = place.up()
    before = place.website.post(person("Emeka"), "msg_1")

    up.stop()
    place.up()

    assert before == place.website.post(person("Emeka", assessment_score=99), "msg_1")


def _completes(place: Place) -> None:
    eventually(lambda: [row for row in place.sandbox.rows("Email Sequence") if row["Sequence Completed"]], "a full row")
