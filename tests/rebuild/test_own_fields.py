"""A campaign's own fields are shown in the Notion columns that it names, and restored by a rebuild."""

from __future__ import annotations

from dataclasses import replace

from common.domain.ids import enrollment_id
from tests import columns
from tests.packaged import packaged_campaign
from tests.rebuild.conftest import Installation

COLUMNS = {"team_size": "Team Size", "monthly_revenue": "Monthly Revenue", "main_goal": "Main Goal"}
ANSWERED = {"team_size": 12, "monthly_revenue": 80000, "main_goal": "work_less"}


async def test_own_fields_of_a_campaign_are_shown_in_notion_and_restored_by_a_rebuild(installation: Installation, ada):
    await installation.applies(replace(packaged_campaign("new_year_2026").compiled, field_columns=COLUMNS))
    added = await columns.fix(installation.world.mirror)
    await installation.simulation.sign_up(replace(ada, extra=ANSWERED))
    await installation.until(1)

    assert {name for name in COLUMNS.values() if any(name in line for line in added)} == {*COLUMNS.values()}
    [row] = await installation.rows()
    assert {name: row[column] for name, column in COLUMNS.items()} == ANSWERED

    await installation.loses_its_store()
    await installation.rebuilds()

    again = await installation.world.ledger.enrollments.get(enrollment_id("new_year_2026", ada.email))
    assert (again.assessment.extra, again.segment) == (ANSWERED, "ESTABLISHED")
