"""One click and no more mail: for a person with the button, for a mail program with a POST."""

from __future__ import annotations

import pytest

from common.domain.ids import enrollment_id
from common.domain.suppression import Unsubscribe, address_hash
from common.store.embedded import EmbeddedStore
from tests.gateway.conftest import SECRET_KEY, Opener, Site, person

DUNYA = "dunya@example.org"


def link(address: str = DUNYA, *, key: str = SECRET_KEY) -> str:
    who = Unsubscribe(enrollment_id("christmas_2025", address), address_hash(SECRET_KEY, address))
    return "/unsubscribe/" + who.token(key)


async def status_of(site: Site, address: str = DUNYA) -> str:
    enrollment = await site.door.intake.ledger.enrollments.get(enrollment_id("christmas_2025", address))
    return f"{enrollment.status} {enrollment.exit_reason or ''}".strip() if enrollment else "unknown"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_looking_at_the_link_changes_nothing(site: Site, method: str) -> None:
    await site.signs_up(person("dunya"))

    page = await site.asks(method, link())

    assert page.status == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert await status_of(site) == "accepted"


async def test_the_page_shows_a_button_and_nobodys_name(site: Site) -> None:
    page = await site.asks("GET", link())
    html = page.body.decode()

    assert '<form method="post">' in html
    assert "Unsubscribe</button>" in html
    assert "dunya" not in html.lower()
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["X-Robots-Tag"] == "noindex"


@pytest.mark.parametrize(
    "request_of",
    [
        {"data": {"List-Unsubscribe": "One-Click"}},
        {
            "data": b'--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--\r\n',
            "headers": {"content-type": "multipart/form-data; boundary=b"},
        },
        {"data": b"\xff\x00 anything", "headers": {"content-type": "application/json"}},
        {},
    ],
    ids=["form", "multipart", "anything", "nothing"],
)
async def test_a_post_ends_it_whatever_it_says(site: Site, request_of: dict[str, object]) -> None:
    await site.signs_up(person("dunya"))

    first = await site.asks("POST", link(), **request_of)
    again = await site.asks("POST", link(), **request_of)

    assert first.status == again.status == 200
    assert b"You are unsubscribed" in first.body
    assert first.body == again.body
    assert await status_of(site) == "exited unsubscribed"


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "path",
    [
        link(key="another key" * 3),
        link()[:-1],
        link() + "A",
        "/unsubscribe/x",
        "/unsubscribe/..%2f",
        "/unsubscribe/é.é.é",
    ],
)
async def test_a_made_up_link_does_nothing(site: Site, method: str, path: str) -> None:
    await site.signs_up(person("dunya"))

    answer = await site.asks(method, path)
    page = await site.asks(method, path, headers={"accept": "text/html"})

    assert (answer.status, answer.headers["Content-Type"]) == (404, "application/problem+json")
    assert (page.status, page.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert await status_of(site) == "accepted"


async def test_dunya_leaves_while_the_store_is_away(opens: Opener, own_store: EmbeddedStore) -> None:
    site = await opens(own_store.url)
    await site.signs_up(person("dunya"))
    own_store.stop()

    assert (await site.asks("GET", link())).status == 200
    for _ in range(3):
        assert (await site.asks("POST", link())).status == 200
    assert site.door.intake.spool.events == 1

    own_store.start()
    await site.settled()
    assert await status_of(site) == "exited unsubscribed"
