"""A listed mail is recognised by the subject that its step had in any version that was ever in force."""

from __future__ import annotations

from actors.sending.mail_matching import Subjects
from common.campaigns.campaign import campaign_of
from common.settings.settings import Settings
from tests.versions import edits

SETTINGS = Settings(secret_key="k" * 32, sandboxed=frozenset({"resend", "notion"}))
THIRD = "The December bookings somebody turned away"
FOURTH = "Your calendar for the rush, week by week"


def test_subject_of_an_earlier_version_matches_its_step(campaign, ada):
    renamed = campaign_of(edits.subject(campaign.compiled, body="emails/3-turned-away.md"))
    subjects = Subjects([renamed, campaign], SETTINGS)

    assert subjects.steps_of(THIRD, ada) == subjects.steps_of(f"New: {THIRD}", ada) == [3]
    assert Subjects([renamed], SETTINGS).steps_of(THIRD, ada) == []


def test_subject_of_a_removed_step_still_matches_that_step(campaign, ada):
    shorter = campaign_of(edits.removed(campaign.compiled, step="step-4"))

    assert Subjects([shorter, campaign], SETTINGS).steps_of(FOURTH, ada) == [4]


def test_subject_that_moved_to_another_step_matches_both_steps(campaign, ada):
    exchanged = campaign_of(edits.exchanged(campaign.compiled))

    assert Subjects([exchanged, campaign], SETTINGS).steps_of(THIRD, ada) == [4, 3]
