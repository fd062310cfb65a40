"""A flood of false signups delays no real contact, and one command discards the false ones."""

from __future__ import annotations

from tests.acceptance.crowd import all_mail_is_on_time, sign_up
from tests.acceptance.place import UNLIMITED, Place
from tests.acceptance.waiting import eventually, punctual
from tests.acceptance.website import person

FALSE, PER_SOURCE = 3_000, 5
BEFORE = [f"Before{number}" for number in range(10)]
ROUNDS = 5
MEANWHILE = [f"Meanwhile{number}" for number in range(2 * ROUNDS)]


@punctual
def test_signup_flood_through_real_processes_delays_no_mail(place: Place) -> None:
    place.serve_all(SIGNUPS_PER_HOUR="100", SIGNUPS_PER_SOURCE_PER_HOUR=str(PER_SOURCE), **UNLIMITED)
    place.sandbox.lift_rate_limits()
    real = {
        name: at
        for number, name in enumerate(BEFORE)
        for name, at in sign_up(place, [name], visitor=f"r{number}").items()
    }
    flood = [(person(f"False{number}", visitor="flood"), f"msg_false_{number}") for number in range(FALSE)]

    for number in range(ROUNDS):
        answers = place.website.post_all(flood[number::ROUNDS], at_once=2, patience_s=10)
        assert {202} == {answer.status for answer in answers}
        real |= sign_up(place, MEANWHILE[number::ROUNDS])

    all_mail_is_on_time(place, real)
    assert place.ask("status")["held_signups"] == FALSE - PER_SOURCE
    assert {"source"} == {one["bound"] for one in place.ask("signups", "held")}
    to = {mail["to"][0] for mail in place.sandbox.inbox() if mail["to"][0].startswith("false")}
    assert len(to) == PER_SOURCE

    cleared = place.run("signups", "discard", "--visitor", "flood")
    assert (0, f"discarded {FALSE - PER_SOURCE:,} signups\n") == (cleared.wait(), cleared.stdout)
    assert place.ask("status")["held_signups"] == 0
    assert place.website.post(person("False299", visitor="themselves"), "msg_real_299").status == 202
    eventually(lambda: place.sandbox.inbox(person("False299")["email"]), "the first mail of somebody who was discarded")
