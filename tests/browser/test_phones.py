"""The sandbox's phones in a browser: SMS that are readable at every width, and answered from the page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.acceptance.calcom import does, iso, now_ms
from tests.acceptance.http import request
from tests.acceptance.place import FAST, SECRETS, Place
from tests.acceptance.waiting import eventually
from tests.browser.conftest import expect
from tests.texting import texting_folder

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

GUEST, NUMBER, OTHER = "guest@people.example", "+14165550123", "+14165550199"
SIZES = {"phone": {"width": 375, "height": 812}, "desktop": {"width": 1280, "height": 900}}


@pytest.fixture(scope="module")
def texted() -> Iterator[Place]:
    """Two guests were reminded by SMS; one of them answered."""
    place = Place(**FAST, **SECRETS)
    try:
        place.up(CAMPAIGNS_DIR=str(texting_folder(place.folder / "campaigns")), TWILIO_REQUESTS_PER_SECOND="10")
        for email, number in ((GUEST, NUMBER), ("other@people.example", OTHER)):
            does(place, email=email, start=iso(now_ms() + 5_000), smsReminderNumber=number)
        eventually(lambda: len(request("GET", f"{place.sandbox.url}/phones.json").json) == 2, "an SMS on each phone")
        answer = b'{"from": "%s", "body": "Running ten minutes late, sorry"}' % OTHER.encode()
        assert request("POST", f"{place.sandbox.url}/phones.json", answer).json == {"status": 200}
        yield place
    finally:
        place.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_a_phone_is_readable_at_every_width_in_light_and_dark(
    chromium: Any, texted: Place, size: str, scheme: str
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    # Axe is injected as a script, which the page's content security policy would refuse.
    context = chromium.new_context(
        base_url=texted.sandbox.url, viewport=SIZES[size], color_scheme=scheme, bypass_csp=True
    )
    page = context.new_page()
    for path in ("/phones", f"/phones?number=%2B{OTHER[1:]}", "/phones?number=%2B15550000000"):
        page.goto(path)
        found = axe.run(page).response["violations"]
        assert [(violation["id"], violation["nodes"][0]["html"]) for violation in found] == [], path
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, path
    context.close()


def test_a_phone_shows_the_reminder_with_its_price_and_answers_stop_from_the_page(chromium: Any, texted: Place) -> None:
    context = chromium.new_context(base_url=texted.sandbox.url)
    page = context.new_page()
    page.goto("/phones")
    page.get_by_label("Number").fill(NUMBER)
    page.get_by_role("button", name="Search").click()

    phone = page.get_by_role("region", name=NUMBER)
    expect(phone.locator(".received")).to_contain_text("BusinessX reminder: our call")
    expect(phone.locator(".received")).to_contain_text("1 segment in GSM-7")
    expect(page.get_by_role("region", name=OTHER)).to_have_count(0)

    page.get_by_label("Text").fill("STOP")
    page.get_by_role("button", name="Send").click()

    expect(phone.locator(".sent")).to_contain_text("STOP")
    eventually(lambda: "sms ended" in [line["what"] for line in texted.ask("contact", GUEST)["happened"]], "his STOP")
    context.close()
