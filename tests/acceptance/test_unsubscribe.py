"""Dunya unsubscribes through the link in her own mail."""

from __future__ import annotations

import re

from tests.acceptance.http import request
from tests.acceptance.place import Place
from tests.acceptance.waiting import eventually
from tests.acceptance.website import person

ONE_CLICK = b"List-Unsubscribe=One-Click"
FORM = {"content-type": "application/x-www-form-urlencoded"}


def test_unsubscribe_link_in_a_mail_ends_the_sequence_of_its_contact(place: Place) -> None:
    place.up(CAMPAIGN_SPEED="15")
    place.website.post(person("Dunya"), "msg_1")
    mail = eventually(lambda: place.sandbox.inbox("dunya@people.example"), "her first mail")[0]
    link = re.fullmatch(r"<(http[^>]+)>.*", mail["headers"]["List-Unsubscribe"])[1]
    assert link in mail["text"]
    assert link in mail["html"]

    page = request("GET", link)

    assert page.status == 200
    assert b"<form" in page.body
    assert place.ask("contact", "dunya@people.example")["status"] == "active", "only to look changes nothing"

    assert request("POST", link, ONE_CLICK, FORM).status == 200

    assert place.ask("contact", "dunya@people.example")["status"] == "exited"
    before = len(place.sandbox.inbox("dunya@people.example"))
    # Ada signed up later: when her second mail arrives, Dunya's next mail would have arrived too.
    place.website.post(person("Ada"), "msg_2")
    eventually(lambda: len(place.sandbox.inbox("ada@people.example")) == 2, "Ada's second mail")
    assert before == len(place.sandbox.inbox("dunya@people.example")) < 7
    eventually(lambda: _row(place)["Sequence Completed"], "a row that says: do not write to her again")
    again = place.website.post(person("Dunya"), "msg_3")
    assert (again.status, again.json["status"]) == (200, "duplicate")


def _row(place: Place) -> dict[str, object]:
    return next(row for row in place.sandbox.rows("Email Sequence") if row["Email"] == "dunya@people.example")
