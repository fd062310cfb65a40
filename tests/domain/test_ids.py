"""
Identifiers that outlive a release: the next release must find what was stored or sent under them.

Do not fix a failure here by changing the numbers: every contact would be enrolled anew, every suppression would be
forgotten, and no link in a sent mail would work any longer.
"""

from __future__ import annotations

import pytest

from common.domain.ids import (
    DeliveryId,
    EnrollmentId,
    address_hash,
    booking_id,
    enrollment_id,
    key_fingerprint,
    reminder_delivery_id,
    split_delivery_id,
    step_delivery_id,
    step_name,
    step_of,
    step_order,
)
from common.domain.suppression import Unsubscribe

ADA = EnrollmentId("enr_6hzllu7fias6ckbo")
"""The enrollment of ada@example.org in the campaign `c`."""
SECRET = "a secret"
MARK = "c1e4274390f5e9feaba8a62897822995"
TOKEN = "enr_6hzllu7fias6ckbo.c1e4274390f5e9feaba8a62897822995.GYjP2QO7MLdoYWcnS8kXnRW8"


def test_enrollment_and_booking_ids_do_not_change_between_releases():
    assert enrollment_id("c", " Ada@Example.org") == ADA
    assert booking_id("bkg-uid-1") == "bkg_kxqawnq5r6x6mvvf"


def test_address_hashes_and_unsubscribe_links_do_not_change_between_releases():
    assert address_hash(SECRET, " Ada@Example.org") == MARK
    assert Unsubscribe(ADA, MARK).token(SECRET) == TOKEN
    assert Unsubscribe.from_token(TOKEN, SECRET) == Unsubscribe(ADA, MARK)


def test_key_fingerprints_do_not_change_between_releases():
    assert key_fingerprint(SECRET) == "e108c03d8e784b1614e87be12ea2117a"
    assert key_fingerprint("another") != key_fingerprint(SECRET)


@pytest.mark.parametrize(
    "token",
    [
        "",
        ADA,
        f"{ADA}.{MARK}",
        TOKEN + ".more",
        TOKEN.replace("enr_", "enr-"),
        TOKEN[:-1] + ("A" if TOKEN[-1] != "A" else "B"),
        TOKEN[:-1] + "é",
        "é" + TOKEN[1:],
    ],
)
def test_forged_unsubscribe_token_is_rejected(token):
    assert Unsubscribe.from_token(token, SECRET) is None


def test_another_secret_key_gives_other_hashes_and_links():
    assert address_hash("another", "ada@example.org") != MARK
    assert Unsubscribe.from_token(TOKEN, "another") is None


def test_delivery_id_names_its_owner_and_its_step_or_reminder():
    reminder = reminder_delivery_id(booking_id("A"), start_ms=5, name="24h")

    assert split_delivery_id(step_delivery_id(ADA, 3)) == (ADA, "step-3")
    assert split_delivery_id(reminder) == (booking_id("A"), "5/24h")
    with pytest.raises(ValueError, match="5/24h is not a step"):
        step_of(split_delivery_id(DeliveryId(reminder))[1])


@pytest.mark.parametrize(
    ("name", "step"), [("step-3", 3), ("welcome", "welcome"), ("step-03", "step-03"), ("2-plan", "2-plan")]
)
def test_step_is_identified_by_the_number_in_its_id_or_by_its_id(name, step):
    assert step_of(name) == step
    assert step_name(step) == name


def test_numbered_steps_are_sorted_before_others():
    assert sorted(["welcome", 10, "again", 2], key=step_order) == [2, 10, "again", "welcome"]
