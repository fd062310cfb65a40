"""Another version is put in force from the console: planned first, and refused if it is not the planned one."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from common.campaigns.campaign import Campaign, campaign_of
from common.domain.contact import Assessment
from common.domain.ids import enrollment_id
from common.ledger import keys
from common.ledger.action_log import ActionFilter
from common.ledger.versions import LogEntry
from common.settings.console_users import new_user
from common.versions.in_force import read_plan
from services.console import plan_counts
from services.console.campaign_files import CampaignFiles
from services.console.plan_counts import PlanCounts
from services.simulation.engine import Simulation
from tests.console.conftest import Console, OpenConsole
from tests.versions import edits

KEY = "christmas_2025"
PAGE = f"/campaigns/{KEY}"
ADA = enrollment_id(KEY, "ada@example.org")
DAY_MS = 86_400_000


@pytest.fixture
async def under_way(simulation: Simulation, ada: Assessment) -> Simulation:
    """Ada has received the first mail."""
    await simulation.sign_up(ada)
    await simulation.run(until_ms=simulation.clock.now_ms() + 1_000)
    return simulation


@pytest.fixture
def edited(campaign: Campaign) -> Campaign:
    """The campaign with another subject for the fifth mail."""
    return campaign_of(edits.subject(campaign.compiled))


@pytest.fixture
async def author(
    open_console: OpenConsole, store_url: str, under_way: Simulation, edited: Campaign, monkeypatch: pytest.MonkeyPatch
) -> Console:
    """A console with the campaign of the tests in force; `edited` stands in for the files on its disk."""
    use_files(monkeypatch, edited)
    return await open_console(store_url, is_versioned=True)


@pytest.fixture
async def with_files(open_console: OpenConsole, store_url: str, under_way: Simulation, edited_files: Path) -> Console:
    """A console with the campaign of the tests in force, and an edited one on its disk."""
    return await open_console(store_url, is_versioned=True, campaigns_dir=edited_files)


def use_files(monkeypatch: pytest.MonkeyPatch, files: Campaign) -> None:
    """Make every console read this campaign as if it were on its disk."""

    async def read(_files: CampaignFiles, _key: str) -> Campaign:
        return files

    monkeypatch.setattr(CampaignFiles, "read", read)


async def version_in_force(console: Console) -> str | None:
    return (await console.context.ledger.versions.in_force())[KEY].version


async def followed(console: Console) -> None:
    """Wait until schedules follow the version in force."""
    async with asyncio.timeout(10):
        while (await console.context.ledger.versions.in_force())[KEY].replanning is not None:
            await asyncio.sleep(0.01)


async def apply(console: Console, campaign: Campaign) -> str:
    """Put the files in force. Return the text of the next page."""
    files = await console.context.campaign_files.read(KEY)
    fields = {"from": campaign.version, "to": files.version}
    answer = await console.post(f"{PAGE}/apply", **fields)
    await followed(console)
    return (await console.get(answer.location)).text


async def test_the_plan_names_each_change_and_how_many_people_it_concerns(with_files: Console) -> None:
    page = (await with_files.get(f"{PAGE}/plan")).text

    assert "1 person is under way" in page
    assert '<th scope="row">step-5</th><td>subject</td><td class="number">1</td>' in page
    assert "Put it in force" in page
    assert "campaigns_dir</code>, as this console reads them" in page


async def test_plan_of_unchanged_files_says_that_nothing_would_change(
    open_console: OpenConsole, store_url: str
) -> None:
    console = await open_console(store_url, is_versioned=True)

    page = (await console.get(f"{PAGE}/plan")).text

    assert "Nothing would change" in page
    assert "Put it in force" not in page


async def test_applying_puts_the_files_in_force_and_logs_the_user(
    author: Console, campaign: Campaign, edited: Campaign
) -> None:
    page = await apply(author, campaign)

    assert "The version is in force in all processes" in page
    assert "Nothing would change" in page
    assert await version_in_force(author) == edited.version
    assert author.context.running_campaign(KEY).version == edited.version  # type: ignore[union-attr]
    newest = (await author.context.ledger.versions.log(KEY))[-1]
    assert (newest.action, newest.by, newest.source) == ("apply", "local", campaign.version)
    [action] = await author.context.ledger.action_log.newest(ActionFilter())
    assert (action.what, action.on, action.before, action.after) == ("apply", (KEY,), campaign.version, edited.version)


async def test_edited_files_are_reported_as_waiting_until_they_are_applied(
    open_console: OpenConsole, store_url: str, campaign: Campaign, edited_files: Path
) -> None:
    body = edited_files / KEY / "en-CA" / "emails" / "5-case-study.md"
    edited = body.read_text()
    body.write_text(edited.replace("subject: New: ", "subject: ", 1))
    console = await open_console(store_url, is_versioned=True, campaigns_dir=edited_files)
    before = await places_where_files_wait(console)

    body.write_text(edited)
    after_the_edit = await places_where_files_wait(console)
    await apply(console, campaign)

    assert before == set()
    assert after_the_edit == {"/", "/campaigns", PAGE, "/api/overview", "/api/campaigns"}
    assert await places_where_files_wait(console) == set()


async def places_where_files_wait(console: Console) -> set[str]:
    sentences = {"/": "files have not been applied", "/campaigns": "files have changed", PAGE: "have not been applied"}
    found = {path for path, sentence in sentences.items() if sentence in (await console.get(path)).text}
    overview = json.loads((await console.get("/api/overview")).text)
    [listed] = json.loads((await console.get("/api/campaigns")).text)["campaigns"]
    if "files" in [finding["name"] for finding in overview["findings"]]:
        found.add("/api/overview")
    if listed["files_differ"]:
        found.add("/api/campaigns")
    return found


async def test_unreadable_campaign_files_are_reported_as_waiting(
    open_console: OpenConsole, store_url: str, edited_files: Path
) -> None:
    console = await open_console(store_url, is_versioned=True, campaigns_dir=edited_files)
    (edited_files / KEY / "campaign.toml").write_text("name = 1")

    assert "/" in await places_where_files_wait(console)


async def test_applying_twice_changes_the_version_once(author: Console, campaign: Campaign) -> None:
    await apply(author, campaign)
    again = await apply(author, campaign)

    assert "That version was already in force" in again
    assert [entry.action for entry in await author.context.ledger.versions.log(KEY)] == ["first start", "apply"]
    assert len(await author.context.ledger.action_log.newest(ActionFilter())) == 1


async def test_two_concurrent_applies_change_the_version_once(
    author: Console, campaign: Campaign, edited: Campaign
) -> None:
    token = (await author.get(f"{PAGE}/plan")).form_token
    fields = {"from": campaign.version, "to": edited.version}

    answers = await asyncio.gather(*(author.post(f"{PAGE}/apply", token=token, **fields) for _ in range(2)))

    assert sorted(answer.location.partition("=")[2] for answer in answers) == ["already", "done"]
    assert len(await author.context.ledger.action_log.newest(ActionFilter())) == 1


async def test_files_that_changed_since_the_plan_are_not_applied(
    with_files: Console, campaign: Campaign, edited_files: Path
) -> None:
    planned = await with_files.context.campaign_files.read(KEY)
    body = edited_files / KEY / "en-CA" / "emails" / "6-checklist.md"
    body.write_text(body.read_text().replace("subject: ", "subject: Again: ", 1))

    answer = await with_files.post(f"{PAGE}/apply", **{"from": campaign.version, "to": planned.version})

    assert "the files have changed since that plan" in (await with_files.get(answer.location)).text
    assert await version_in_force(with_files) == campaign.version


async def test_version_put_in_force_since_the_plan_is_kept(author: Console, campaign: Campaign) -> None:
    other = campaign_of(edits.text(campaign.compiled))
    entry = LogEntry(version=other.version, source=campaign.version, action="apply", by="ron", at_ms=1)
    await author.context.ledger.versions.apply(KEY, entry, compiled=other.compiled.to_json(), replans=False)

    page = await apply(author, campaign)

    assert "another version was put in force meanwhile" in page
    assert await version_in_force(author) == other.version


async def test_rollback_puts_the_previous_version_in_force(author: Console, campaign: Campaign) -> None:
    await apply(author, campaign)
    current = await version_in_force(author)
    page = (await author.get(f"{PAGE}/rollback")).text

    answer = await author.post(f"{PAGE}/rollback", **{"from": str(current), "to": campaign.version})
    await followed(author)

    assert f"From <code>{current}</code> to <code>{campaign.version}</code>" in page
    assert "No previous version" in (await author.get(answer.location)).text
    assert await version_in_force(author) == campaign.version
    assert "rollback" in (await author.get(PAGE)).text
    [newest, _] = await author.context.ledger.action_log.newest(ActionFilter())
    assert (newest.what, newest.before, newest.after) == ("rollback", current, campaign.version)


async def test_console_refuses_to_roll_back_the_first_version(author: Console, campaign: Campaign) -> None:
    answer = await author.post(f"{PAGE}/rollback", **{"from": campaign.version, "to": "a" * 12})

    assert "there is none to go back to" in (await author.get(answer.location)).text


async def test_schedules_follow_the_applied_version(
    author: Console, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = campaign_of(edits.moved(campaign.compiled, step="step-2", hours=36))
    use_files(monkeypatch, later)
    before = await author.context.ledger.enrollments.get(ADA)

    await apply(author, campaign)

    after = await author.context.ledger.enrollments.get(ADA)
    assert before is not None
    assert before.next_due_ms is not None
    assert after is not None
    assert after.next_due_ms == before.next_due_ms + DAY_MS // 2


async def test_new_step_with_a_passed_day_is_sent_only_when_late_is_requested(
    author: Console, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_files(monkeypatch, campaign_of(edits.added(campaign.compiled)))
    author.clock.advance(5 * DAY_MS)

    without = (await author.get(f"{PAGE}/plan")).text
    late = (await author.get(f"{PAGE}/plan?late=yes")).text

    assert "a mail as soon as it is in force" not in without
    assert "<b>1 person gets a mail as soon as it is in force.</b>" in late
    assert 'name="late" value="yes"' in late
    assert 'name="late" value="yes"' not in without


async def test_step_with_the_text_of_another_step_is_refused(
    author: Console, campaign: Campaign, under_way: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied = edits.copied(campaign.compiled)
    first, new = copied.steps[0], copied.steps[-1]
    use_files(monkeypatch, campaign_of(replace(copied, steps=(*copied.steps[:-1], replace(new, bodies=first.bodies)))))

    plan = (await author.get(f"{PAGE}/plan")).text
    page = await apply(author, campaign)

    assert "Refused: step-9 has the text of step-1" in plan
    assert "Put it in force" not in plan
    assert "a step has a text that people already got" in page
    assert await version_in_force(author) == campaign.version


@pytest.mark.parametrize("is_page", [True, False])
async def test_rollback_to_a_step_with_the_text_of_another_step_is_refused(
    author: Console, campaign: Campaign, monkeypatch: pytest.MonkeyPatch, is_page: bool
) -> None:
    use_files(monkeypatch, campaign_of(edits.renamed(campaign.compiled)))
    await apply(author, campaign)
    await author.context.ledger.client.hset(
        keys.enrollment(ADA), "/step-9", f"accepted {author.clock.now_ms()} 1 +0 id"
    )  # type: ignore[misc]
    current = str(await version_in_force(author))
    fields = {"from": current, "to": campaign.version}

    if is_page:
        answer = await author.post(f"{PAGE}/rollback", **fields)
        assert "a step has a text that people already got" in (await author.get(answer.location)).text
    else:
        headers = {"Accept": "application/json", "Authorization": "Bearer none"}
        done = json.loads((await author.request("POST", f"/api{PAGE}/rollback", headers=headers, json=fields)).text)
        assert (done["done"], done["answer"]) == (False, "repeated")

    assert await version_in_force(author) == current


async def test_long_plan_count_shows_its_progress_and_then_the_plan(
    author: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_end = asyncio.Event()

    async def slowly(*arguments: Any, on_person: Any, **named: Any) -> Any:
        on_person()
        await may_end.wait()
        return await read_plan(*arguments, on_person=on_person, **named)

    monkeypatch.setattr(plan_counts, "read_plan", slowly)
    monkeypatch.setattr(author.context.plan_counts, "_page_wait_s", 0.01)
    counting = await author.get(f"{PAGE}/plan")
    may_end.set()
    monkeypatch.setattr(author.context.plan_counts, "_page_wait_s", 10)
    counted = await author.get(f"{PAGE}/plan")

    assert "Counting: 1 people so far" in counting.text
    assert counting.headers["Refresh"] == "3"
    assert "1 person is under way" in counted.text
    assert "Refresh" not in counted.headers


async def test_failed_plan_count_is_reported_and_retried(
    author: Console, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_arguments: Any, **_named: Any) -> Any:
        raise ValueError

    with monkeypatch.context() as patched:
        patched.setattr(plan_counts, "read_plan", fails)
        failed = (await author.get(f"{PAGE}/plan")).text

    assert "The plan could not be counted" in failed
    assert "1 person is under way" in (await author.get(f"{PAGE}/plan")).text


async def test_plan_is_counted_once_for_two_viewers(
    author: Console, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = []

    async def noted(*arguments: Any, **named: Any) -> Any:
        counted.append(named)
        return await read_plan(*arguments, **named)

    monkeypatch.setattr(plan_counts, "read_plan", noted)
    context = author.context
    counts = PlanCounts(context.ledger, context.settings.pace, context.clock)
    other = campaign_of(edits.text(campaign.compiled))

    plans = await asyncio.gather(counts.of(campaign, other), counts.of(campaign, other))

    assert [count.plan.people for count in plans if count.plan] == [1, 1]
    assert len(counted) == 1


async def test_files_that_cannot_be_read_are_named_with_the_cure(with_files: Console, edited_files: Path) -> None:
    (edited_files / KEY / "campaign.toml").write_text("name = 1")

    page = (await with_files.get(f"{PAGE}/plan")).text

    assert "campaign.toml" in page
    assert "Put it in force" not in page


async def test_version_with_two_steps_at_the_same_time_is_refused(
    author: Console, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = campaign_of(edits.moved(campaign.compiled, step="step-2", hours=72))
    use_files(monkeypatch, files)

    page = (await author.get(f"{PAGE}/plan")).text
    answer = await author.post(f"{PAGE}/apply", **{"from": campaign.version, "to": files.version})

    assert "steps would be due at one time; lower it" in page
    assert answer.status == 409
    assert await version_in_force(author) == campaign.version


async def test_plan_before_the_first_start_is_409(console: Console) -> None:
    answer = await console.get(f"{PAGE}/plan")

    assert answer.status == 409
    assert "No version is in force yet" in answer.text


@pytest.mark.parametrize("action", ["apply", "rollback"])
async def test_read_only_user_sees_the_plan_and_cannot_act(
    open_console: OpenConsole, store_url: str, author: Console, edited: Campaign, campaign: Campaign, action: str
) -> None:
    ron, token = new_user("ron", "read")
    console = await open_console(store_url, is_versioned=True, console_users=ron.line)
    await console.log_in(token)
    page = await console.get(f"{PAGE}/plan")

    answer = await console.post(
        f"{PAGE}/{action}", token=page.form_token, **{"from": campaign.version, "to": edited.version}
    )

    assert "1 person is under way" in page.text
    assert "Put it in force" not in page.text
    assert answer.status == 403
    assert await version_in_force(console) == campaign.version


async def test_program_plans_applies_and_rolls_back_a_version(author: Console, campaign: Campaign) -> None:
    async def ask(method: str, path: str, body: Any = None) -> Any:
        headers = {"Accept": "application/json", "Authorization": "Bearer none"}
        return json.loads((await author.request(method, path, headers=headers, json=body)).text)

    plan = await ask("GET", f"/api{PAGE}/plan")
    done = await ask("POST", f"/api{PAGE}/apply", {"from": plan["from"], "to": plan["to"]})
    await followed(author)
    back = await ask("GET", f"/api{PAGE}/plan?action=rollback")
    undone = await ask("POST", f"/api{PAGE}/rollback", {"from": back["from"], "to": back["to"]})
    again = await ask("POST", f"/api{PAGE}/rollback", {"from": back["from"], "to": back["to"]})

    assert plan["changes"] == [{"kind": "subject", "step": "step-5", "people": 1}]
    assert (done["done"], undone["done"]) == (True, True)
    assert (again["done"], again["answer"]) == (False, "already")
    assert await version_in_force(author) == campaign.version
