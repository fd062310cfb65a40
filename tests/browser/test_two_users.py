"""The main tasks at the console in a browser, as a user who may act and as a read-only user."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from common.domain.ids import enrollment_id
from common.settings.console_users import new_user
from tests.acceptance.calcom import does, iso, now_ms
from tests.acceptance.place import SECRETS, UNLIMITED, Place
from tests.acceptance.waiting import eventually
from tests.acceptance.website import person
from tests.browser.accessibility import faults_of
from tests.browser.conftest import expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

MIA, MIAS_TOKEN = new_user("mia", "full")
RON, RONS_TOKEN = new_user("ron", "read")
ADA = enrollment_id("christmas_2025", "ada@people.example")
BORIS = enrollment_id("christmas_2025", "boris@people.example")
SARAH = "sarah@team.example"
DAY_MS = 86_400_000


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """Ada and Boris have received their first mails; Ada has a call in five days."""
    place = Place(CONSOLE_USERS=f"{MIA.line},{RON.line}", **SECRETS, **UNLIMITED)
    try:
        place.up()
        for name in ("Ada", "Boris"):
            place.website.post(person(name), f"msg_{name}")
        does(place, email="ada@people.example", name="Ada", start=iso(now_ms() + 5 * DAY_MS))
        eventually(lambda: len(place.sandbox.inbox()) == 2, "the first mails")
        eventually(lambda: "reminder 72h" in str(place.ask("contact", "ada@people.example")), "the reminders of Ada")
        yield place
    finally:
        place.close()


@pytest.fixture
def users(chromium: Any, place: Place) -> Iterator[Any]:
    """`users(token)` returns a page of that user, logged in; an error in its JavaScript console fails the test."""
    contexts, complaints = [], []

    def log_in(token: str, **options: Any) -> Any:
        context = chromium.new_context(base_url=place.console_url, **{"viewport": SCREEN} | options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.goto("/")
        page.get_by_label("Console token").fill(token)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url("**/")
        return page

    yield log_in
    for context in contexts:
        context.close()
    assert complaints == []


SCREEN = {"width": 1280, "height": 900}


def find(page: Any, words: str, name: str) -> None:
    """Find a person and open their page. Reload until the list, which follows the store within seconds, has them."""
    page.get_by_label("A name, business, address").fill(words)
    page.get_by_role("button", name="Find").click()
    found = page.get_by_role("link", name=name, exact=True)
    eventually(lambda: bool(found.count()) or not page.reload(), f"{name} in the list")
    found.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)


def test_read_only_user_reads_a_sent_mail_and_finds_no_button(users: Any) -> None:
    page = users(RONS_TOKEN)
    find(page, "ad", "Ada")
    page.locator(".timeline .what a").first.click()
    expect(page.locator("#mail")).to_contain_text("Resend's copy.")
    expect(page.frame_locator("iframe.mail").locator("body")).to_contain_text("Ada")
    expect(page.locator("pre.paper")).to_contain_text("unsubscribe.invalid")
    page.get_by_role("link", name="As it would be sent now").click()
    expect(page.locator("#mail")).to_contain_text("As it would be sent now.")

    for path in (f"/people/{ADA}", f"/people/{ADA}/mails/step-1", "/schedule"):
        page.goto(path)
        assert page.locator("main").get_by_text(" …").count() == 0, path
    page.get_by_role("button", name="Log out").click()
    expect(page).to_have_url(re.compile("/login$"))


def test_full_user_reads_and_skips_a_mail_and_sends_a_reminder_now(users: Any, place: Place) -> None:
    page = users(MIAS_TOKEN)
    find(page, "ad", "Ada")
    second = page.locator(".timeline .planned").first
    title = second.locator(".what a").inner_text()
    second.locator(".what a").click()
    expect(page.frame_locator("iframe.mail").locator("body")).to_contain_text("Ada")
    page.go_back()
    second.get_by_text("Skip …").click()
    second.get_by_role("button", name="Skip it").click()

    expect(page.get_by_role("status").filter(has_text="Skipped")).to_be_visible()
    expect(page.locator(".timeline li", has_text="skipped by hand").last).to_contain_text(title)
    reminder = page.locator(".timeline .planned", has_text="Reminder 72h")
    reminder.get_by_text("Send now …").click()
    reminder.get_by_role("button", name="Send it now").click()
    eventually(lambda: len(place.sandbox.inbox("ada@people.example")) == 2, "the reminder")
    page.goto("/actions")
    expect(page.get_by_role("table")).to_contain_text("mia")


def test_test_mail_is_requested_in_a_browser_and_arrives(users: Any, place: Place) -> None:
    page = users(MIAS_TOKEN)
    page.goto(f"/people/{ADA}/mails/step-3")
    page.get_by_text("Send a test …").click()
    page.get_by_label("To", exact=True).fill(SARAH)
    page.get_by_role("button", name="Send the test").click()

    expect(page.get_by_role("status").filter(has_text="Sent as [Test]")).to_be_visible()
    [mail] = place.sandbox.inbox(SARAH)
    assert mail["subject"].startswith("[Test] ")
    page.get_by_role("link", name="← Back").click()
    expect(page).to_have_url(re.compile("/mails/step-3$"))


def test_a_bar_of_the_schedule_opens_its_mails(users: Any) -> None:
    page = users(MIAS_TOKEN)
    page.goto("/schedule")
    page.locator(".chart svg a").first.click()

    expect(page).to_have_url(re.compile("/schedule/mails"))
    page.locator("td a").first.click()
    expect(page.locator("iframe.mail")).to_be_visible()


def test_resume_plan_is_on_the_page_before_all_mail_is_resumed(users: Any, place: Place) -> None:
    page = users(MIAS_TOKEN)
    page.goto("/schedule")
    everybody = page.locator(".dead-letters > li", has_text="Everybody")
    everybody.get_by_text("Pause …").click()
    everybody.get_by_role("button", name="Pause").click()
    expect(everybody.get_by_text("paused", exact=True)).to_be_visible()
    place.website.post(person("Chen"), "msg_Chen")
    planned = re.compile("Resuming sends 1 mail at once")
    eventually(lambda: bool(everybody.get_by_text(planned).count()) or not page.reload(), "the plan")

    everybody.get_by_text("Resume …").click()
    everybody.get_by_role("button", name="Resume").click()

    expect(everybody.get_by_text("under way")).to_be_visible()
    eventually(lambda: len(place.sandbox.inbox("chen@people.example")) == 1, "the first mail of Chen")


def test_person_is_suppressed_and_forgotten_and_the_user_logs_out(users: Any) -> None:
    page = users(MIAS_TOKEN)
    find(page, "bor", "Boris")
    page.get_by_text("Suppress …").click()
    page.get_by_role("button", name="Suppress").click()
    expect(page.get_by_text("Gets no mail: suppressed since")).to_be_visible()
    page.get_by_text("Forget …").click()
    page.get_by_label("It cannot be undone").check()
    page.get_by_role("button", name="Forget this person").click()
    expect(page.get_by_role("status").filter(has_text="Forgotten")).to_be_visible()
    expect(page.get_by_text("Resend's list: added")).to_be_visible()
    page.get_by_role("button", name="Log out").click()
    expect(page).to_have_url(re.compile("/login$"))
    page.goto(f"/people/{BORIS}")
    expect(page).to_have_url(re.compile("/login"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 1280])
def test_pages_of_a_person_and_the_schedule_are_accessible_and_fit_the_screen(
    users: Any, width: int, scheme: str
) -> None:
    # Axe is injected as a script, which the page's content security policy would refuse.
    page = users(MIAS_TOKEN, viewport={"width": width, "height": 800}, color_scheme=scheme, bypass_csp=True)
    page.goto(f"/people/{ADA}")
    reminder = page.locator(".timeline a", has_text="Reminder 24h").get_attribute("href")
    page.goto(f"/people/{ADA}/mails/step-4")
    page.get_by_text("Send a test …").click()
    page.get_by_label("To", exact=True).fill(SARAH)
    page.get_by_role("button", name="Send the test").click()
    job = page.url
    mails = (f"/people/{ADA}/mails/step-1", f"/people/{ADA}/mails/step-1?as=now", reminder)
    for path in (f"/people/{ADA}", *mails, job, "/schedule", "/schedule?campaign=christmas_2025", "/schedule/mails"):
        assert faults_of(page, path) == []
