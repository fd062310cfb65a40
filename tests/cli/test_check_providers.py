"""What `advent check` finds at the providers, and fixes in each Notion database separately."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer

from common.errors import Throttled, Transient
from common.settings.settings import Settings
from services.cli.check import check_provider
from services.cli.check_calcom import check_calcom
from services.cli.check_notion import check_notion
from services.cli.check_report import CheckReport
from services.cli.check_resend import check_resend
from services.cli.check_twilio import check_twilio
from services.sandbox.app import build_app
from services.sandbox.calcom.webhooks import TRIGGERS
from services.sandbox.state import Sandbox, open_sandbox
from services.supervisor.sandbox_settings import with_sandbox
from tests.packaged import packaged_campaigns

CASES = Path(__file__).parents[1] / "fixtures" / "cases"


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    sandbox = open_sandbox(None, gateway_url="http://127.0.0.1:1", own_domains=("businessx.example",))
    yield sandbox
    sandbox.close()


@pytest.fixture
async def settings(sandbox: Sandbox) -> AsyncIterator[Settings]:
    async with TestServer(build_app(sandbox)) as server:
        yield with_sandbox(Settings(sandbox_port=server.port))


def fail(sandbox: Sandbox, provider: str, operation: str, status: int, **how: int) -> None:
    sandbox.faults.add({"provider": provider, "operation": operation, "kind": "status", "status": status, **how})


async def of_notion(settings: Settings, *, fix: bool = False) -> CheckReport:
    found = CheckReport()
    await check_notion(settings, packaged_campaigns("christmas_2025"), found, fix=fix)
    return found


async def test_missing_optional_columns_are_notes_and_no_problem(settings: Settings) -> None:
    before, fixed = await of_notion(settings), await of_notion(settings, fix=True)

    assert before.problems == fixed.problems == []
    assert "optional and missing: Enrollment ID, Time Zone, " in before.notes[0]
    assert not any("optional and missing" in note for note in fixed.notes)


async def test_each_notion_database_that_cannot_be_fixed_is_reported(sandbox: Sandbox, settings: Settings) -> None:
    fail(sandbox, "notion", "data_sources.update", 403)

    found = await of_notion(settings, fix=True)

    names = [line.partition(":")[0] for line in found.problems]
    assert names == ["Notion database Email Sequence", "Notion database BusinessX Canada"]


async def test_check_fixes_one_notion_database_when_the_other_cannot_be_fixed(
    sandbox: Sandbox, settings: Settings
) -> None:
    fail(sandbox, "notion", "data_sources.update", 403, count=1)

    found, later = await of_notion(settings, fix=True), await of_notion(settings)

    assert [line.partition(":")[0] for line in found.problems] == ["Notion database Email Sequence"]
    missing = [line.partition(":")[0] for line in later.notes if "optional and missing" in line]
    assert missing == ["Notion database Email Sequence"]


async def test_a_database_that_is_not_shared_is_reported_once(settings: Settings) -> None:
    hidden = settings.model_copy(update={"notion_email_sequence_db_id": "1f2e3d4c5b6a798800112233445566aa"})

    found = await of_notion(hidden, fix=True)

    assert found.problems == [
        "Notion database Email Sequence: share the database Email Sequence with the integration, or correct"
        " NOTION_EMAIL_SEQUENCE_DB_ID"
    ]


async def test_one_notion_database_for_both_is_refused_before_any_request(sandbox: Sandbox, settings: Settings) -> None:
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
        await check_resend(settings, CheckReport())


async def test_a_key_that_resend_refuses_is_named(sandbox: Sandbox, settings: Settings) -> None:
    fail(sandbox, "resend", "domains.list", 403)
    found = CheckReport()

    await check_resend(settings, found)

    assert found.problems == ["RESEND_API_KEY: Resend answers 403 invalid_api_key; set a valid key"]


async def test_check_warns_of_tracking_that_rewrites_the_unsubscribe_link(sandbox: Sandbox, settings: Settings) -> None:
    [case] = CASES.glob("e36_*.json")
    domain = json.loads(case.read_text())
    tracking = {name: domain[name] for name in ("click_tracking", "open_tracking")}
    sandbox.board.change({f"resend_{name}": is_on for name, is_on in tracking.items()})
    found = CheckReport()

    await check_resend(settings, found)

    clicks, opens = found.warnings
    assert (
        "click tracking is on for businessx.example, which rewrites every link of a mail, the unsubscribe link"
        in clicks
    )
    assert "open tracking is on for businessx.example" in opens
    assert found.problems == []


async def test_check_warns_of_a_resend_webhook_that_lacks_an_event(sandbox: Sandbox, settings: Settings) -> None:
    sandbox.board.change({"webhook_events": ["email.delivered", "email.bounced", "email.failed"]})
    found = CheckReport()

    await check_resend(settings, found)

    [warning] = found.warnings
    assert warning.endswith("/webhook/resend does not report email.complained, email.suppressed; add them there")


async def test_check_warns_of_a_disabled_or_missing_resend_webhook(sandbox: Sandbox, settings: Settings) -> None:
    warnings = []
    for change in ({"webhooks": False}, {"webhooks": True, "webhook_url": "https://other.example/hook"}):
        sandbox.board.change(change)
        found = CheckReport()
        await check_resend(settings, found)
        warnings += found.warnings

    url = f"{settings.public_address}/webhook/resend"
    assert warnings == [
        f"Resend: nothing is reported to {url}, because the webhook to it is disabled; enable or add it there",
        f"Resend: nothing is reported to {url}, because no webhook posts to it; enable or add it there",
    ]


async def test_check_warns_of_a_calcom_webhook_that_lacks_an_event(sandbox: Sandbox, settings: Settings) -> None:
    complete, lacking = CheckReport(), CheckReport()
    await check_calcom(settings, complete)
    sandbox.board.change({"calcom_triggers": [name for name in TRIGGERS if name != "BOOKING_CANCELLED"]})
    await check_calcom(settings, lacking)

    assert (complete.warnings, complete.notes) == ([], ["Cal.com: the webhook reports every event that is needed"])
    [warning] = lacking.warnings
    assert warning.endswith("/webhook/calcom-booking does not report BOOKING_CANCELLED; add them there")


async def test_unreadable_webhooks_or_tracking_of_resend_is_a_note(sandbox: Sandbox, settings: Settings) -> None:
    for operation in ("domains.get", "webhooks.list"):
        fail(sandbox, "resend", operation, 404)
    found = CheckReport()

    await check_resend(settings, found)

    assert (found.problems, found.warnings) == ([], [])
    assert found.notes[1:] == [
        "Resend: the tracking of businessx.example could not be read (404)",
        "Resend: the webhooks could not be read (404)",
    ]


async def test_a_key_that_calcom_refuses_is_named(settings: Settings) -> None:
    found = CheckReport()

    await check_calcom(settings.model_copy(update={"calcom_api_key": "cal_other"}), found)

    assert found.problems == ["CALCOM_API_KEY: Cal.com answers 401; set a valid key"]


async def test_a_token_that_twilio_refuses_is_named(settings: Settings) -> None:
    found = CheckReport()

    await check_provider(
        "Twilio", True, settings.model_copy(update={"twilio_auth_token": "other"}), found, check_twilio
    )

    assert found.problems == [
        "Twilio failed (twilio_20003: Authenticate); check the key: set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN of one"
        " account"
    ]
