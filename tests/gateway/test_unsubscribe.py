"""One-click unsubscribe: a contact uses the button, a mail program its own POST."""

from __future__ import annotations

import pytest

from common.domain.ids import address_hash, enrollment_id
from common.domain.suppression import Unsubscribe
from common.ledger import keys
from common.store.embedded import EmbeddedStore
from tests.gateway.conftest import SECRET_KEY, Gateway, OpenGateway, person

DUNYA = "dunya@example.org"


def link(address: str = DUNYA, *, key: str = SECRET_KEY) -> str:
    who = Unsubscribe(enrollment_id("christmas_2025", address), address_hash(SECRET_KEY, address))
    return "/unsubscribe/" + who.token(key)


async def status_of(gateway: Gateway, address: str = DUNYA) -> str:
    enrollment = await gateway.context.intake.ledger.enrollments.get(enrollment_id("christmas_2025", address))
    return f"{enrollment.status} {enrollment.exit_reason or ''}".strip() if enrollment else "unknown"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_opening_the_link_changes_nothing(gateway: Gateway, method: str) -> None:
    await gateway.sign_up(person("dunya"))

    page = await gateway.request(method, link())

    assert page.status == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert await status_of(gateway) == "accepted"


async def test_the_page_has_a_button_and_names_no_contact(gateway: Gateway) -> None:
    page = await gateway.request("GET", link())
    html = page.body.decode()

    assert '<form method="post">' in html
    assert "Stop all email</button>" in html
    assert "dunya" not in html.lower()
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["X-Robots-Tag"] == "noindex"


async def test_every_page_names_the_sender(gateway: Gateway) -> None:
    sender = gateway.context.settings.identity.sender_name
    html = {"accept": "text/html"}
    pages = [
        await gateway.request("GET", link()),
        await gateway.request("POST", link()),
        await gateway.request("GET", link()),
        await gateway.request("GET", link()[:-1], headers=html),
    ]

    assert [f"<strong>{sender}</strong>" in page.body.decode() for page in pages] == [True] * 4


async def test_unsubscribe_page_says_when_the_contact_is_already_unsubscribed(gateway: Gateway) -> None:
    await gateway.sign_up(person("dunya"))
    before = await gateway.request("GET", link())
    await gateway.request("POST", link())
    after = await gateway.request("GET", link())

    assert b"already" not in before.body
    assert b"You are already unsubscribed" in after.body
    assert b"<form" not in after.body


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
async def test_a_post_unsubscribes_whatever_its_body(gateway: Gateway, request_of: dict[str, object]) -> None:
    await gateway.sign_up(person("dunya"))

    first = await gateway.request("POST", link(), **request_of)
    again = await gateway.request("POST", link(), **request_of)

    assert first.status == again.status == 200
    assert b"You are unsubscribed" in first.body
    assert first.body == again.body
    assert await status_of(gateway) == "exited unsubscribed"


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
async def test_a_forged_link_has_no_effect(gateway: Gateway, method: str, path: str) -> None:
    await gateway.sign_up(person("dunya"))

    answer = await gateway.request(method, path)
    page = await gateway.request(method, path, headers={"accept": "text/html"})

    assert (answer.status, answer.headers["Content-Type"]) == (404, "application/problem+json")
    assert (page.status, page.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert await status_of(gateway) == "accepted"


async def test_an_unsubscription_during_a_store_outage_is_replayed(
    open_gateway: OpenGateway, own_store: EmbeddedStore
) -> None:
    gateway = await open_gateway(own_store.url)
    await gateway.sign_up(person("dunya"))
    own_store.stop()

    assert (await gateway.request("GET", link())).status == 200
    for _ in range(3):
        assert (await gateway.request("POST", link())).status == 200
    assert gateway.context.intake.spool.events == 1
    assert b"You are already unsubscribed" in (await gateway.request("GET", link())).body

    own_store.start()
    await gateway.wait_until_replayed()
    assert await status_of(gateway) == "exited unsubscribed"


async def test_contact_who_leaves_one_series_is_not_suppressed(gateway: Gateway) -> None:
    await gateway.sign_up(person("dunya"))

    first = await gateway.request("POST", link(), data={"scope": "series"})
    again = await gateway.request("POST", link(), data={"scope": "series"})

    assert (first.status, first.body) == (200, again.body)
    assert b"no more of this series" in first.body
    assert await status_of(gateway) == "exited left"
    assert not await gateway.store.exists(keys.SUPPRESSED)


async def test_contact_who_left_one_series_can_later_unsubscribe_from_all_mail(gateway: Gateway) -> None:
    await gateway.sign_up(person("dunya"))
    await gateway.request("POST", link(), data={"scope": "series"})

    await gateway.request("POST", link(), data={"List-Unsubscribe": "One-Click"})

    assert await gateway.store.hlen(keys.SUPPRESSED) == 1


async def test_unsubscribe_pages_follow_the_language_of_the_link(gateway: Gateway) -> None:
    await gateway.sign_up(person("dunya", locale="fr"))

    page = (await gateway.request("GET", link() + "?lang=fr-CA")).body.decode()
    done = (await gateway.request("POST", link() + "?lang=fr-CA")).body.decode()

    assert '<html lang="fr-CA" dir="ltr">' in page
    assert "Arrêter cette série seulement</button>" in page
    assert "Désabonnement confirmé" in done
    assert await status_of(gateway) == "exited unsubscribed"


async def test_unsubscribe_page_in_an_unknown_language_shows_the_default(gateway: Gateway) -> None:
    page = await gateway.request("GET", link() + "?lang=%3Cscript%3E&campaign=nowhere")

    assert (page.status, b'<html lang="en-CA"' in page.body) == (200, True)
