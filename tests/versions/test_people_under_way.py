"""What a new version changes for active contacts, with the real actors and scripts in virtual time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from common.campaigns.campaign import campaign_of
from common.campaigns.campaigns import Campaigns
from common.domain.contact import Assessment
from common.domain.delivery import DeliveryStatus
from common.domain.enrollment import Enrollment, Status
from common.domain.ids import enrollment_id, step_of
from common.errors import Permanent
from common.ledger import keys
from common.ledger.constants import ADDED_LATE, NOT_SENT, REMOVED
from common.ledger.versions import LogEntry, PlannedStep, ReplannedEnrollment
from common.versions.in_force import RepeatedText, put_in_force
from common.versions.people import people_of, person_of
from common.versions.plan import Comparison, Plan, compare
from common.versions.played import PlayedVersions
from common.versions.replan import update_schedules
from services.simulation.engine import Simulation
from tests.versions import edits
from tests.versions.conftest import KEY

HOUR_MS, DAY_MS = edits.HOUR_MS, edits.DAY_MS


class CampaignRun:
    """A worker that plays the version in force, and an operator who applies edits."""

    def __init__(self, store, campaign, settings, clock) -> None:
        campaigns = Campaigns(campaign_of(campaign.compiled))
        self.simulation = Simulation(store, campaigns, settings, clock=clock)
        self.campaigns, self.ledger, self.clock = campaigns, self.simulation.ledger, clock
        self.versions = PlayedVersions(campaigns, self.ledger, settings, clock)
        self.simulation.world = replace(self.simulation.world, versions=self.versions)
        self.pace = settings.pace

    async def until(self, day: float) -> None:
        await self.simulation.run(until_ms=self.began_ms + round(day * DAY_MS))

    async def begin(self, *people: Assessment) -> None:
        self.began_ms = self.clock.now_ms()
        await self.versions.refresh()
        for person in people:
            await self.simulation.sign_up(person)

    async def plan(self, *edited: edits.Edit) -> Plan:
        people = [person async for person in people_of(self.ledger, KEY)]
        return compare(self.campaigns[KEY], self.target(edited), people, pace=self.pace, now_ms=self.clock.now_ms())

    def target(self, edited: Sequence[edits.Edit]):
        compiled = self.campaigns[KEY].compiled
        for edit in edited:
            compiled = edit(compiled)
        return campaign_of(compiled)

    async def apply(self, *edited: edits.Edit, send_late: bool = False) -> None:
        """Apply edits. The worker notices only because the ledger refuses its claims."""
        await self.put_in_force(self.target(edited), send_late=send_late)

    async def put_in_force(self, target, *, send_late: bool = False) -> None:
        source = (await self.ledger.versions.in_force())[KEY].version
        now_ms = self.clock.now_ms()
        entry = LogEntry(version=target.version, source=source, action="apply", by="ada", at_ms=now_ms)
        compiled = target.compiled.to_json()
        assert (await self.ledger.versions.apply(KEY, entry, compiled=compiled, send_late=send_late)).is_done
        played, terms = self.campaigns[KEY], self.ledger.campaigns[KEY]
        self.ledger.replace(target.terms(self.pace))
        replanning = (await self.ledger.versions.in_force())[KEY].replanning
        await update_schedules(self.ledger, target, replanning, self.clock)
        self.campaigns.replace(played)
        self.ledger.replace(terms)

    async def enrollment(self, person: Assessment) -> Enrollment:
        found = await self.ledger.enrollments.get(enrollment_id(KEY, person.email))
        assert found is not None
        return found

    def sent(self, person: Assessment) -> list[tuple[str, float]]:
        """Return (step, day) of each mail."""
        return [
            (mail.tags["step"], (at_ms - self.began_ms) / DAY_MS)
            for at_ms, mail in self.simulation.mailer.accepted_mails
            if mail.to == person.email
        ]

    def subjects(self, person: Assessment) -> list[str]:
        return [mail.subject for _, mail in self.simulation.mailer.accepted_mails if mail.to == person.email]


@pytest.fixture
def run(store, campaign, settings, clock) -> CampaignRun:
    return CampaignRun(store, campaign, settings, clock)


ALL = [("step-1", 0), ("step-2", 1), ("step-3", 3), ("step-4", 5), ("step-5", 7), ("step-6", 9), ("step-7", 11)]


async def test_a_new_subject_reaches_the_mails_that_were_not_yet_attempted(run: CampaignRun, ada):
    await run.begin(ada)
    await run.until(4)
    await run.apply(edits.subject)
    await run.until(12)

    assert run.sent(ada) == ALL
    assert [subject.startswith("New: ") for subject in run.subjects(ada)] == [False] * 4 + [True] + [False] * 2


async def test_a_moved_step_keeps_the_anchor_and_every_other_day(run: CampaignRun, ada):
    await run.begin(ada)
    await run.until(4)
    await run.apply(edits.moved)  # from 120 to 110 hours
    await run.until(12)

    assert run.sent(ada) == [(step, day if step != "step-4" else 110 / 24) for step, day in ALL]


async def test_a_step_that_is_moved_into_the_past_is_due_at_once(run: CampaignRun, ada):
    await run.begin(ada)
    await run.until(4)
    earlier = lambda campaign: edits.moved(campaign, hours=90)  # noqa: E731

    assert (await run.plan(earlier)).due_at_once == 1
    await run.apply(earlier)
    await run.until(12)

    assert dict(run.sent(ada))["step-4"] == pytest.approx(4, abs=0.001)


async def test_removed_step_is_skipped_with_that_reason_and_the_next_keeps_its_day(run: CampaignRun, ada):
    await run.begin(ada)
    await run.until(8)
    await run.apply(edits.removed)
    await run.until(12)

    assert run.sent(ada) == [sent for sent in ALL if sent[0] != "step-6"]
    enrollment = await run.enrollment(ada)
    assert enrollment.step_status(6) == (DeliveryStatus.SKIPPED, REMOVED)
    assert enrollment.status is Status.COMPLETED


async def test_a_new_step_waits_for_its_day(run: CampaignRun, ada):
    await run.begin(ada)
    await run.until(3.5)
    await run.apply(edits.added)  # at four days
    await run.until(12)

    assert run.sent(ada) == [*ALL[:3], ("step-8", 4), *ALL[3:]]


async def test_new_step_is_not_sent_after_its_day_has_passed(run: CampaignRun, ada):
    await run.begin(ada)
    await run.until(4.5)
    await run.apply(edits.added)
    await run.until(12)

    assert run.sent(ada) == ALL
    assert (await run.enrollment(ada)).step_status(8) == (DeliveryStatus.SKIPPED, ADDED_LATE)


async def test_new_step_is_sent_after_its_day_has_passed_when_requested(run: CampaignRun, ada):
    await run.begin(ada)
    await run.until(4.5)
    await run.apply(edits.added, send_late=True)
    await run.until(12)

    assert {step for step, _ in run.sent(ada)} == {step for step, _ in ALL} | {"step-8"}


async def test_rollback_restores_removed_steps_that_are_not_yet_due(run: CampaignRun, ada):
    await run.begin(ada)
    await run.until(8)
    before = run.campaigns[KEY]
    await run.apply(edits.removed)
    await run.until(8.5)
    await run.put_in_force(before)
    await run.until(12)

    assert run.sent(ada) == ALL


async def test_rollback_restores_the_last_step_of_contacts_who_completed_without_it(run: CampaignRun, ada):
    await run.begin(ada)
    await run.until(10)
    before = run.campaigns[KEY]
    await run.apply(lambda campaign: edits.removed(campaign, step="step-7"))
    assert (await run.enrollment(ada)).status is Status.COMPLETED
    await run.put_in_force(before)
    going_on = await run.enrollment(ada)
    counted = await run.ledger.client.hmget(keys.COUNTS, ["active", "completed"])
    await run.until(12)

    assert (going_on.status, counted) == (Status.ACTIVE, [b"1", b"0"])
    assert run.sent(ada) == ALL
    assert (await run.enrollment(ada)).status is Status.COMPLETED


async def test_new_segment_rule_moves_active_contacts_into_its_segment(run: CampaignRun):
    chen = Assessment(email="chen@example.org", first_name="Chen", assessment_score=55, red_systems=1)
    await run.begin(chen)
    await run.until(0.5)
    assert (await run.enrollment(chen)).segment == "URGENT"

    await run.apply(edits.segment)
    await run.until(12)

    assert (await run.enrollment(chen)).segment == "CRITICAL"
    assert run.sent(chen) == ALL


async def test_step_that_newly_needs_an_unsent_step_is_skipped_as_the_plan_says(run: CampaignRun, ada):
    refused = Permanent("invalid_attachment", status=422)
    run.simulation.mailer.failure = lambda mail: refused if mail.tags["step"] == "step-5" else None
    await run.begin(ada)
    await run.until(8)
    plan = await run.plan(edits.needing)
    assert [(one.kind, one.step, one.people) for one in plan.changes] == [("removed", "step-6", 1)]
    assert plan.counts == {"step-7": {"CRITICAL": 1}}
    assert plan.settings == ("step-6 (name, column or needs)",)

    await run.apply(edits.needing)
    await run.until(12)

    assert [step for step, _ in run.sent(ada)] == ["step-1", "step-2", "step-3", "step-4", "step-7"]
    skipped = (await run.enrollment(ada)).step_status(6)
    assert skipped == (DeliveryStatus.SKIPPED, f"step-5 {NOT_SENT}")


@pytest.mark.parametrize("action", ["apply", "rollback"])
async def test_text_received_under_another_step_id_is_refused_in_either_direction(run: CampaignRun, ada, action):
    await run.begin(ada)
    former = run.campaigns[KEY]
    await run.apply(lambda now: edits.moved(edits.renamed(now), step="step-9", hours=60))
    await run.until(2.6)
    current = run.campaigns[KEY]
    assert ("step-9", 2.5) in run.sent(ada)

    target = former if action == "rollback" else campaign_of(edits.subject(former.compiled))
    with pytest.raises(RepeatedText, match="step-3 has the text of step-9, which 1 person under way has had"):
        await put_in_force(run.ledger, current, target, action, run.pace, by="ada", at_ms=run.clock.now_ms())

    assert (await run.ledger.versions.in_force())[KEY].version == current.version


async def test_plan_counts_no_step_whose_chain_of_needed_steps_is_broken(run: CampaignRun, ada):
    refused = Permanent("invalid_attachment", status=422)
    run.simulation.mailer.failure = lambda mail: refused if mail.tags["step"] == "step-5" else None
    await run.begin(ada)
    await run.until(8)

    plan = await run.plan(lambda campaign: edits.needing(edits.needing(campaign), step="step-7", needs="step-6"))

    assert plan.counts == {}
    assert [(one.kind, one.step) for one in plan.changes] == [("removed", "step-6"), ("removed", "step-7")]


async def test_attempted_step_keeps_its_own_version_although_a_new_one_removes_it(run: CampaignRun, ada):
    await run.begin(ada)
    await run.until(8)
    enrollment = await run.enrollment(ada)
    claim = await run.ledger.deliveries.claim(
        f"{enrollment.id}/step-6", worker=run.simulation.world.worker, now_ms=run.began_ms + 9 * DAY_MS
    )
    await run.ledger.deliveries.freeze(
        claim, '{"the": "bytes"}', now_ms=run.clock.now_ms(), version=run.campaigns[KEY].version
    )
    await run.ledger.deliveries.settle(claim, "retry", "503", now_ms=run.clock.now_ms(), due_ms=run.began_ms)
    await run.apply(edits.removed)
    await run.versions.refresh()

    again = await run.ledger.deliveries.claim(
        f"{enrollment.id}/step-6", worker="w", now_ms=run.began_ms + 9 * DAY_MS + HOUR_MS
    )

    assert again.payload == '{"the": "bytes"}'


@pytest.mark.parametrize("is_replanning", [False, True], ids=["nothing is replanned", "another version is in force"])
async def test_schedules_change_only_to_the_version_that_is_being_applied(run: CampaignRun, ada, is_replanning):
    await run.begin(ada)
    await run.until(4)
    source = (await run.ledger.versions.in_force())[KEY].version
    if is_replanning:
        target = run.target([edits.moved])
        entry = LogEntry(version=target.version, source=source, action="apply", by="ada", at_ms=run.clock.now_ms())
        await run.ledger.versions.apply(KEY, entry, compiled=target.compiled.to_json())
    enrollment = await run.enrollment(ada)
    before = await run.ledger.store.read_hash(keys.enrollment(enrollment.id))

    changed = await run.ledger.versions.replan(
        KEY,
        source,
        [PlannedStep(name="step-4", after_ms=99 * DAY_MS, is_new=False)],
        [ReplannedEnrollment(id=enrollment.id, segment=str(enrollment.segment), assessed_ms=before["anchor_ms"])],
        now_ms=run.clock.now_ms(),
    )

    assert changed is None
    assert await run.ledger.store.read_hash(keys.enrollment(enrollment.id)) == before


async def test_nothing_is_sent_while_schedules_are_replanned_and_a_worker_finishes_that(
    run: CampaignRun, ada, campaign, settings, clock
):
    await run.begin(ada)
    await run.until(4)
    target = run.target([edits.moved])
    entry = LogEntry(version=target.version, source=campaign.version, action="apply", by="ada", at_ms=clock.now_ms())
    await run.ledger.versions.apply(KEY, entry, compiled=target.compiled.to_json())  # and the command is killed
    await run.until(5 + 5 / 86_400)  # the refused step is claimed again each second
    assert len(run.sent(ada)) == 3

    await PlayedVersions(run.campaigns, run.ledger, settings, clock, replans=True).refresh()
    await run.until(12)

    assert [step for step, _ in run.sent(ada)] == [step for step, _ in ALL]


async def test_plan_of_one_contact_counts_only_their_changes_and_planned_steps(run: CampaignRun, ada):
    await run.begin(ada)
    await run.until(4)
    person = await person_of(run.ledger, enrollment_id(KEY, ada.email))
    assert person is not None
    target = run.target([edits.moved])

    outlook = Comparison(run.campaigns[KEY], target, run.pace, now_ms=run.clock.now_ms()).outlook(person)
    plan = compare(run.campaigns[KEY], target, [person], pace=run.pace, now_ms=run.clock.now_ms())

    due = {step_of(name): run.began_ms + day * DAY_MS for name, day in ALL[3:]}
    assert due == outlook.before
    assert due | {step_of("step-4"): run.began_ms + 110 * HOUR_MS} == outlook.after
    assert [(one.kind, one.step, one.people) for one in plan.changes] == [("moved", "step-4", 1)]
    assert plan.counts == {step: {"CRITICAL": 1} for step in ("step-4", "step-5", "step-6", "step-7")}
