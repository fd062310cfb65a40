"""A campaign in a browser: viewed by a read-only user, applied and rolled back by a user who may act."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import common.campaigns
from common.settings.console_users import new_user
from tests.acceptance.place import SECRETS, UNLIMITED, Place
from tests.acceptance.waiting import eventually
from tests.acceptance.website import person
from tests.browser.accessibility import faults_of
from tests.browser.conftest import expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

KEY = "christmas_2025"
PAGE = f"/campaigns/{KEY}"
USERS = {"mia": new_user("mia", "full"), "ron": new_user("ron", "read")}
PAGES = (
    *("/campaigns", PAGE, f"{PAGE}/plan", f"{PAGE}/rollback", "/unread-bookings"),
    *(f"{PAGE}/gallery?mail=step-1", f"{PAGE}/gallery?mail=24h&language=fr-CA", "/campaigns/easter"),
)
Browse = Callable[..., Any]


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Ada is enrolled, and the subject of the fifth mail has been changed in the files since."""
    folder = tmp_path_factory.mktemp("campaigns") / KEY
    shutil.copytree(Path(common.campaigns.__file__).parent / KEY, folder)
    users = ",".join(user.line for user, _ in USERS.values())
    pace = {"TESTING_MODE": "true", "CAMPAIGN_SPEED": "0.05"}
    place = Place(CONSOLE_USERS=users, CAMPAIGNS_DIR=str(folder.parent), **pace, **SECRETS, **UNLIMITED)
    try:
        place.up()
        place.website.post(person("Ada"), "msg_ada")
        eventually(lambda: place.ask("status")["active"] == 1, "the enrollment of Ada")
        body = folder / "en-CA" / "emails" / "5-case-study.md"
        body.write_text(body.read_text().replace("subject: ", "subject: New: ", 1))
        yield place
    finally:
        place.close()


@pytest.fixture
def browse(chromium: Any, team: Place) -> Iterator[Browse]:
    """`browse("mia")` returns a page of that user, logged in; options are those of a browser context."""
    contexts = []

    def log_in(name: str, **options: Any) -> Any:
        context = chromium.new_context(base_url=team.console_url, **options)
        contexts.append(context)
        page = context.new_page()
        page.goto("/")
        page.get_by_label("Console token").fill(USERS[name][1])
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url("**/")
        return page

    yield log_in
    for context in contexts:
        context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 1280])
def test_campaign_pages_are_accessible_and_fit_the_screen(browse: Browse, width: int, scheme: str) -> None:
    # Axe is injected as a script, which the page's content security policy would refuse.
    page = browse("mia", viewport={"width": width, "height": 800}, color_scheme=scheme, bypass_csp=True)

    assert [fault for path in PAGES for fault in faults_of(page, path)] == []


def test_read_only_user_sees_campaign_pages_without_buttons(browse: Browse) -> None:
    page = browse("ron")
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Campaigns").click()
    page.get_by_role("link", name="Christmas 2025").click()
    expect(page.get_by_role("heading", name="Where people are")).to_be_visible()

    page.get_by_role("link", name="Versions: plan, apply, roll back").click()
    expect(page.get_by_role("row", name="step-5")).to_contain_text("subject")
    expect(page.get_by_text("Apply …")).to_have_count(0)
    page.goto(f"{PAGE}/gallery?mail=step-5&version=files")
    expect(page.get_by_role("heading", level=2)).to_contain_text("New: ")
    expect(page.frame_locator("iframe.desktop").locator("body")).to_contain_text("Ada")


def test_test_mail_is_sent_from_the_gallery_in_a_browser(browse: Browse) -> None:
    page = browse("mia")
    page.goto(f"{PAGE}/gallery?mail=step-2")
    page.get_by_text("Send a test …").click()
    page.get_by_label("To", exact=True).fill("sarah@businessx.example")
    page.get_by_role("button", name="Send the test").click()

    expect(page.get_by_role("status").last).to_contain_text("Sent")
    page.get_by_role("link", name="← Back").click()
    expect(page).to_have_url(re.compile(rf"{PAGE}/gallery\?mail=step-2"))


def test_user_with_the_full_role_applies_the_files_and_rolls_back(browse: Browse, team: Place) -> None:
    page = browse("mia")
    page.goto(f"{PAGE}/plan")
    first = page.locator(".lead code").first.inner_text()
    expect(page.get_by_text("1 person is under way")).to_be_visible()
    page.get_by_text("Apply …").click()
    page.get_by_role("button", name="Put it in force").click()
    expect(page.get_by_role("status").last).to_contain_text("The version is in force")
    expect(page.get_by_text("Nothing would change.")).to_be_visible()

    page.get_by_role("link", name="Previous version").click()
    expect(page.get_by_role("heading", name=f"to {first}")).to_be_visible()
    page.get_by_text("Roll back …").click()
    page.get_by_role("button", name="Roll back").click()
    expect(page.get_by_role("status").last).to_contain_text("The version is in force")

    page.goto(PAGE)
    expect(page.locator("dd code").first).to_have_text(first)
    expect(page.get_by_role("region", name="Versions")).to_contain_text(re.compile(r"mia\s*rollback", re.DOTALL))
    page.goto("/actions")
    expect(page.get_by_role("table")).to_contain_text("rollback")
    eventually(lambda: team.ask("campaign", "plan")[0]["from"] == first, "the version that was before, in force")
