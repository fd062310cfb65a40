"""What `advent check` finds at the providers, and fixes: each database by itself."""

from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestServer

from common.campaigns.loader import load_campaign
from common.errors import Throttled, Transient
from common.settings.settings import Settings
from services.cli.check import _check_resend
from services.cli.check_notion import check_notion
from services.cli.check_report import CheckReport
from services.sandbox.app import build_app
from services.sandbox.state import Sandbox, open_sandbox
from services.supervisor.sandbox_settings import with_sandbox

CAMPAIGN = load_campaign("christmas_2025")


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    sandbox = open_sandbox(None, gateway_url="http://127.0.0.1:1", own_domains=("advent.example",))
    yield sandbox
    sandbox.close()


@pytest.fixture
async def settings(sandbox: Sandbox) -> AsyncIterator[Settings]:
    async with TestServer(build_app(sandbox)) as server:
        yield with_sandbox(Settings(sandbox_port=server.port))


def fail(sandbox: Sandbox, provider: str, operation: str, status: int) -> None:
    sandbox.faults.add({"provider": provider, "operation": operation, "kind": "status", "status": status})


async def of_notion(settings: Settings, *, fix: bool = False) -> CheckReport:
    found = CheckReport()
    await check_notion(settings, CAMPAIGN, found, fix=fix)
    return found


async def test_missing_optional_columns_are_notes_and_no_problem(settings: Settings) -> None:
    before, fixed = await of_notion(settings), await of_notion(settings, fix=True)

    assert before.problems == fixed.problems == []
    assert "optional and missing: Enrollment ID, Time Zone, " in before.notes[0]
    assert not any("optional and missing" in note for note in fixed.notes)


async def test_a_database_that_cannot_be_fixed_is_reported_and_the_other_is_checked(
    sandbox: Sandbox, settings: Settings
) -> None:
    fail(sandbox, "notion", "data_sources.update", 403)

    found = await of_notion(settings, fix=True)

    assert [line.partition(":")[0] for line in found.problems] == ["Notion database Email Sequence"]


async def test_a_database_that_is_not_shared_is_reported_once(settings: Settings) -> None:
    hidden = settings.model_copy(update={"notion_email_sequence_db_id": "1f2e3d4c5b6a798800112233445566aa"})

    found = await of_notion(hidden, fix=True)

    assert found.problems == [
        "Notion database Email Sequence: share the database Email Sequence with the integration, or correct"
        " NOTION_EMAIL_SEQUENCE_DB_ID"
    ]


async def test_one_database_for_both_is_refused_before_anything_is_added_to_it(
    sandbox: Sandbox, settings: Settings
) -> None:
    twice = settings.model_copy(update={"notion_businessx_db_id": settings.notion_email_sequence_db_id})

    found = await of_notion(twice, fix=True)

    assert [line.partition(":")[0] for line in found.problems] == ["NOTION_BUSINESSX_DB_ID"]
    assert sandbox.tally.requests == {}


@pytest.mark.parametrize(("status", "failure"), [(500, Transient), (429, Throttled)])
async def test_an_outage_of_resend_says_nothing_about_the_key(
    sandbox: Sandbox, settings: Settings, status: int, failure: type[Exception]
) -> None:
    fail(sandbox, "resend", "domains.list", status)

    with pytest.raises(failure):
        await _check_resend(settings, CheckReport())


async def test_a_key_that_resend_refuses_is_named(sandbox: Sandbox, settings: Settings) -> None:
    fail(sandbox, "resend", "domains.list", 403)
    found = CheckReport()

    await _check_resend(settings, found)

    assert found.problems == ["RESEND_API_KEY: Resend answers 403 invalid_api_key; set a valid key"]
