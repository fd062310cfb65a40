"""The console in a browser: accessible at every width, in light and dark, and refreshed automatically."""

from __future__ import annotations

import re
from typing import Any

import pytest

from common.domain.ids import enrollment_id
from tests.acceptance.http import request
from tests.acceptance.place import Place
from tests.acceptance.website import person
from tests.browser.accessibility import faults_of
from tests.browser.conftest import TOKEN, expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

BORIS = enrollment_id("christmas_2025", "boris@people.example")
ADA = enrollment_id("christmas_2025", "ada@people.example")
PAGES = (
    *("/", "/dead-letters", "/people", "/people?q=ada", "/people?q=zzz", "/schedule", "/actions", "/nowhere", "/login"),
    *("/queues", "/held-signups", "/unmarked-calls"),
    *(f"/people/{BORIS}", f"/people/{ADA}", f"/people/{ADA}/mails/step-1", f"/people/{ADA}/mails/step-7"),
)
SANDBOX_PAGES = ("/", "/inbox", "/inbox?q=none", "/phones", "/notion", "/faults")
WIDTHS = {"phone": 360, "desktop": 1280}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_console_pages_are_accessible_and_fit_the_screen(
    chromium: Any, place: Place, page: Any, width: str, scheme: str
) -> None:
    # Axe is injected as a script, which the page's content security policy would refuse.
    context = chromium.new_context(
        base_url=place.console_url,
        storage_state=page.context.storage_state(),
        viewport={"width": WIDTHS[width], "height": 800},
        color_scheme=scheme,
        bypass_csp=True,
    )
    looked_at = context.new_page()
    for path in (*PAGES, *(place.sandbox.url + path for path in SANDBOX_PAGES)):
        assert faults_of(looked_at, path) == []
    context.close()


def test_login_works_by_keyboard_and_logout_by_a_button(chromium: Any, place: Place) -> None:
    context = chromium.new_context(base_url=place.console_url)
    page = context.new_page()
    page.goto("/dead-letters")
    expect(page.get_by_label("Console token")).to_be_focused()
    page.keyboard.type("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("That is not the token.")
    expect(page.get_by_label("Console token")).to_be_focused()
    page.keyboard.type(TOKEN)
    page.keyboard.press("Enter")

    expect(page).to_have_url(re.compile("/dead-letters$"))
    page.get_by_role("button", name="Log out").click()
    expect(page).to_have_url(re.compile("/login$"))
    page.goto("/")
    expect(page).to_have_url(re.compile(r"/login\?next=%2F$"))
    context.close()


def test_phone_navigation_is_one_row_and_opens_by_keyboard_without_scripts(
    chromium: Any, place: Place, page: Any
) -> None:
    context = chromium.new_context(
        base_url=place.console_url,
        storage_state=page.context.storage_state(),
        viewport={"width": 375, "height": 800},
        has_touch=True,
        java_script_enabled=False,
    )
    phone = context.new_page()
    phone.goto("/dead-letters")
    menu, links = phone.locator(".menu summary"), phone.get_by_role("navigation").get_by_role("link")
    expect(menu).to_have_text("Menu · Dead letters")
    expect(links).to_have_count(0)
    row = [phone.locator(".brand").bounding_box(), menu.bounding_box()]
    assert row[0]["y"] == row[1]["y"]
    assert min(box["height"] for box in row) >= 44

    menu.focus()
    phone.keyboard.press("Enter")
    expect(links).to_have_count(8)
    expect(phone.get_by_role("link", name="Dead letters", exact=True).first).to_have_attribute("aria-current", "page")
    assert min(link.bounding_box()["height"] for link in links.all()) >= 44
    phone.keyboard.press("Tab")
    expect(links.first).to_be_focused()
    phone.get_by_role("button", name="Log out").wait_for()
    links.filter(has_text="Schedule").click()

    expect(phone).to_have_url(re.compile("/schedule$"))
    expect(links).to_have_count(0)
    context.close()


def test_a_link_from_elsewhere_keeps_the_login(page: Any, place: Place) -> None:
    page.goto(f"data:text/html,<a href={place.console_url}/dead-letters>an alert</a>")
    page.get_by_text("an alert").click()

    expect(page).to_have_url(re.compile("/dead-letters$"))


def test_a_signup_appears_without_a_reload(page: Any, place: Place) -> None:
    figure = page.locator(".figure", has_text="people enrolled").locator("strong")
    before = int(figure.inner_text())

    place.website.post(person("Chen"), "msg_chen")

    expect(figure).to_have_text(str(before + 1))


def test_an_open_action_is_not_refreshed(page: Any, place: Place) -> None:
    page.get_by_text("Discard …").first.click()
    button = page.get_by_role("button", name="Discard it")
    with page.expect_response(lambda response: response.url.rstrip("/") == place.console_url):
        pass  # The page has refreshed.

    assert button.is_visible()


def test_a_contact_is_found_by_address_with_the_timeline(page: Any) -> None:
    page.get_by_placeholder("Find a person").fill("Boris@people.example")
    page.keyboard.press("Enter")

    expect(page).to_have_url(re.compile(f"/people/{BORIS}$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Boris")
    expect(page.locator(".timeline li").first).to_contain_text("signed up")
    expect(page.locator(".timeline .planned").first).to_be_visible()


def test_dashboard_has_its_own_style_and_a_link_back_to_the_console(page: Any) -> None:
    page.get_by_role("link", name="Queues").click()
    page.get_by_role("link", name=re.compile("Dramatiq dashboard")).click()

    page.get_by_role("link", name="send", exact=True).click()
    page.get_by_role("link", name=re.compile("delayed", re.IGNORECASE)).click()
    expect(page).to_have_url(re.compile("/queues/send/delayed$"))
    expect(page.locator("body")).to_have_css("background-color", "rgb(31, 37, 48)")
    # The first jobs may be due before the click; the dashboard would lead back to the list then.
    page.locator("td.table__subject a").last.click()
    page.get_by_text("Canonical id").wait_for()
    page.get_by_role("link", name="← Console").click()
    page.get_by_role("heading", name="Dead letters").wait_for()


@pytest.mark.parametrize("path", ["", "queues/send", "queues/send/delayed", "queues/send/failed"])
def test_dashboard_pages_fit_a_phone(page: Any, path: str) -> None:
    page.set_viewport_size({"width": WIDTHS["phone"], "height": 800})
    page.goto(f"/dramatiq/{path}")

    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_a_console_that_stops_answering_is_reported(chromium: Any, place: Place, page: Any) -> None:
    context = chromium.new_context(base_url=place.console_url, storage_state=page.context.storage_state())
    watched = context.new_page()
    watched.clock.install()
    watched.goto("/")
    watched.route("**/*", lambda route: route.abort())

    watched.clock.run_for(30_000)

    expect(watched.locator("#lost")).to_have_text(re.compile(r"The console has not answered for \d+ s\."))
    expect(watched.get_by_role("heading", level=1)).to_have_text(re.compile(r"as of [2-9]\d s ago"))
    context.close()


def test_dead_letter_can_be_replayed_without_scripts(chromium: Any, place: Place, page: Any) -> None:
    context = chromium.new_context(
        base_url=place.console_url, storage_state=page.context.storage_state(), java_script_enabled=False
    )
    plain = context.new_page()
    plain.goto("/")
    plain.get_by_text("Replay …").first.click()

    assert plain.get_by_role("button", name="Replay it").is_visible()
    context.close()


def test_a_dead_letter_is_replayed_by_two_clicks(page: Any, place: Place) -> None:
    request("DELETE", f"{place.sandbox.url}/faults")
    page.get_by_text("Replay …").first.click()

    page.get_by_text("it is rendered again").first.wait_for()
    page.get_by_role("button", name="Replay it").click()

    page.get_by_text("Replayed: it is planned again, due at once.").wait_for()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("^All is well"))
    expect(page).to_have_title(re.compile("^All is well"))


def test_person_is_found_by_name_and_their_mail_is_read_and_skipped(page: Any, place: Place) -> None:
    page.get_by_label("A name, business, address").fill("ada")
    page.get_by_role("button", name="Find").click()
    page.get_by_role("link", name="Ada", exact=True).click()
    last = page.locator(".timeline .planned").last
    expect(last).to_be_visible()
    title = last.locator(".what a").inner_text()
    last.locator(".what a").click()
    expect(page.frame_locator("iframe.mail").locator("body")).to_contain_text("Ada")
    page.go_back()
    last.get_by_text("Skip …").click()
    last.get_by_role("button", name="Skip it").click()

    expect(page.get_by_role("status").filter(has_text="Skipped")).to_be_visible()
    expect(page.locator(".timeline li", has_text="skipped by hand").last).to_contain_text(title)
    page.goto("/actions")
    expect(page.get_by_role("table")).to_contain_text("console-token")


def test_all_mail_is_paused_and_resumed_with_the_plan_in_between(page: Any, place: Place) -> None:
    page.goto("/schedule")
    everybody = page.locator(".dead-letters > li", has_text="Everybody")
    everybody.get_by_text("Pause …").click()
    everybody.get_by_role("button", name="Pause").click()
    expect(everybody.get_by_text("paused", exact=True)).to_be_visible()
    expect(everybody.get_by_text(re.compile("Resuming sends|Nothing is overdue"))).to_be_visible()

    everybody.get_by_text("Resume …").click()
    everybody.get_by_role("button", name="Resume").click()

    expect(everybody.get_by_text("under way")).to_be_visible()
