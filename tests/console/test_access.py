"""Access to the console: tokens, logins, sessions, and forms that another site posts."""

from __future__ import annotations

from dataclasses import replace

import pytest
import redis.asyncio

from common.clock import VirtualClock
from common.domain.store_generation import RESTORED, Generation
from common.ledger.generations import Generations
from common.ledger.holds import Hold
from common.ledger.store import Store
from common.settings.console_users import token_user
from common.settings.settings import Settings, SettingsError
from common.store.clients import connect_async
from services.console.app import LOGIN_FAILURES_MAX, LOGIN_FAILURES_TOTAL_MAX
from services.console.auth.access import check_access_settings
from services.console.auth.ended_sessions import EndedSessions
from services.console.auth.session import SESSION_S, Sessions
from tests.console.conftest import TOKEN, Console, OpenConsole

USER = token_user(TOKEN)

PAGES = ("/", "/dead-letters", "/people/enr_aaaaaaaaaaaaaaaa", "/dramatiq/", "/dramatiq/queues/send", "/nowhere")
FORMS = ("/people", "/dead-letters/replay", "/dead-letters/discard", "/logout", "/dramatiq/delete-message")


@pytest.mark.parametrize("path", PAGES)
async def test_page_redirects_to_the_login_with_its_own_path_as_next(guarded: Console, path: str) -> None:
    answer = await guarded.get(path)

    assert (answer.status, answer.location) == (303, f"/login?next={path.replace('/', '%2F')}")


@pytest.mark.parametrize("path", FORMS)
async def test_no_action_works_without_the_token(guarded: Console, path: str) -> None:
    page = await guarded.request("GET", "/login")

    assert (await guarded.request("POST", path, data={"form_token": page.form_token})).status == 401


async def test_login_redirects_to_the_requested_page(guarded: Console) -> None:
    page = await guarded.request("GET", "/login?next=/dead-letters")
    form = {"form_token": page.form_token, "token": f" {TOKEN}\n", "next": "/dead-letters"}

    answer = await guarded.request("POST", "/login", data=form)

    assert (answer.status, answer.location) == (303, "/dead-letters")
    assert (await guarded.get("/")).status == 200
    assert (await guarded.request("GET", "/login")).location == "/"


@pytest.mark.parametrize("token", ["", "x", TOKEN[:-1], TOKEN.upper(), "é", "☃" * 1_000])
async def test_a_wrong_token_is_refused(guarded: Console, token: str) -> None:
    answer = await guarded.log_in(token)

    assert answer.status == 401
    assert "That is not the token." in answer.text
    assert (await guarded.get("/")).status == 303


async def test_wrong_token_in_a_logged_in_session_is_refused_and_limited(guarded: Console) -> None:
    await guarded.log_in()
    token = (await guarded.get("/")).form_token

    answers = [
        await guarded.request("POST", "/login", data={"form_token": token, "token": "wrong"})
        for _ in range(LOGIN_FAILURES_MAX + 1)
    ]

    assert [answer.status for answer in answers] == [401] * LOGIN_FAILURES_MAX + [429]


async def test_session_cookie_is_http_only_and_expires_with_its_session(guarded: Console) -> None:
    cookie = (await guarded.log_in()).cookies["advent_console"]

    assert (cookie["httponly"], cookie["samesite"], cookie["path"], cookie["secure"]) == (True, "Lax", "/", "")
    assert TOKEN not in cookie.value
    guarded.clock.advance(SESSION_S * 1000 - 1_000)
    assert (await guarded.get("/")).status == 200
    guarded.clock.advance(1_000)
    assert (await guarded.get("/")).status == 303


async def test_over_tls_the_cookie_is_secure_if_a_trusted_proxy_says_so(
    open_console: OpenConsole, store_url: str
) -> None:
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.7"}
    trusting = await open_console(store_url, console_token=TOKEN, trusted_proxies="127.0.0.0/8")
    other = await open_console(store_url, console_token=TOKEN)

    secure = (await trusting.request("GET", "/login", headers=forwarded)).cookies
    untrusted = (await other.request("GET", "/login", headers=forwarded)).cookies

    assert secure["__Host-advent_console"]["secure"] is True
    assert untrusted["advent_console"]["secure"] == ""


async def test_a_forged_cookie_or_one_of_another_token_is_invalid(open_console: OpenConsole, store_url: str) -> None:
    first = await open_console(store_url, console_token=TOKEN)
    second = await open_console(store_url, console_token="another token altogether")
    cookie = (await first.log_in()).cookies["advent_console"].value
    guest = (await second.request("GET", "/login")).cookies["advent_console"].value

    async def status(console: Console, value: str) -> int:
        console.http.cookie_jar.clear()
        return (await console.request("GET", "/", headers={"Cookie": f"advent_console={value}"})).status

    assert await status(first, cookie) == 200
    assert await status(second, cookie) == 303
    assert await status(first, cookie.replace("in.", "in.x", 1)) == 303
    assert await status(second, guest.replace("guest", "in", 1)) == 303
    for junk in ("", ".", "in..", "in.a.b.c", "\xff" * 20):
        assert await status(first, junk) == 303


async def test_after_logging_out_a_copy_of_the_cookie_is_invalid(guarded: Console) -> None:
    cookie = (await guarded.log_in()).cookies["advent_console"].value
    page = await guarded.get("/")

    answer = await guarded.post("/logout", token=page.form_token)

    assert (answer.status, answer.location, answer.cookies["advent_console"]["max-age"]) == (303, "/login", "0")
    guarded.http.cookie_jar.clear()
    assert (await guarded.request("GET", "/", headers={"Cookie": f"advent_console={cookie}"})).status == 303


async def test_logged_out_cookie_is_invalid_at_every_console_and_after_a_restart(
    guarded: Console, open_console: OpenConsole, store_url: str
) -> None:
    cookie = {"Cookie": f"advent_console={(await guarded.log_in()).cookies['advent_console'].value}"}
    page = await guarded.get("/")
    await guarded.post("/logout", token=page.form_token)

    restarted = await open_console(store_url, console_token=TOKEN)

    assert (await restarted.request("GET", "/", headers=cookie)).status == 303
    login = await restarted.request("GET", "/login", headers=cookie)
    assert "advent_console" in login.cookies, "a guest's, with which the login form works"


async def test_logged_out_cookie_stays_invalid_when_the_store_loses_the_logout(guarded: Console) -> None:
    ledger = guarded.context.ledger
    cookie = {"Cookie": f"advent_console={(await guarded.log_in()).cookies['advent_console'].value}"}
    await guarded.post("/logout", token=(await guarded.get("/")).form_token)

    await ledger.client.flushall()

    assert (await guarded.request("GET", "/", headers=cookie)).status == 303


@pytest.mark.parametrize("noticed", ["an empty store", "a hold", "the next generation"])
async def test_other_console_accepts_no_cookie_from_before_a_restore(
    guarded: Console, open_console: OpenConsole, store_url: str, noticed: str
) -> None:
    ledger, first = guarded.context.ledger, Generation(id="a", mark=1, at_ms=guarded.clock.now_ms())
    await ledger.generations.begin(first)
    cookie = {"Cookie": f"advent_console={(await guarded.log_in()).cookies['advent_console'].value}"}
    another = await open_console(store_url, console_token=TOKEN)
    assert (await another.request("GET", "/", headers=cookie)).status == 200
    await guarded.post("/logout", token=(await guarded.get("/")).form_token)

    guarded.clock.advance(60_000)
    now_ms = guarded.clock.now_ms()
    await ledger.client.flushall()  # The backup has neither the login nor the logout.
    if noticed == "an empty store":
        another = await open_console(store_url, console_token=TOKEN)
    elif noticed == "a hold":
        await ledger.generations.begin(first)
        await ledger.holds.start(RESTORED, Hold(since_ms=now_ms, why="restored", cure="Wait."))
    else:
        await ledger.generations.begin(replace(first, id="b", at_ms=now_ms, ancestors=frozenset({"a"})))

    assert (await another.request("GET", "/", headers=cookie)).status == 303
    await another.log_in()
    assert (await another.get("/")).status == 200


async def test_session_known_to_a_console_stays_valid_there_without_the_store(
    store_url: str, clock: VirtualClock
) -> None:
    nowhere = connect_async("redis://127.0.0.1:1")
    session = Sessions("k" * 32, [USER], clock).begin(USER)
    ended = EndedSessions(nowhere, clock)

    assert await ended.is_ended(session)
    ended.begin(session)
    assert not await ended.is_ended(session)
    await ended.end(session)
    assert await ended.is_ended(session)
    await nowhere.aclose()


async def test_a_logout_while_the_store_is_away_is_saved_when_it_is_back(
    store: redis.asyncio.Redis, clock: VirtualClock
) -> None:
    nowhere = connect_async("redis://127.0.0.1:1")
    ended = EndedSessions(nowhere, clock)
    first, second = (Sessions("k" * 32, [USER], clock).begin(USER) for _ in range(2))
    await ended.end(first)
    await Generations(Store(store, secret_key="k" * 32)).begin(Generation(id="a", mark=1, at_ms=clock.now_ms()))
    nowhere.connection_pool = store.connection_pool

    assert not await ended.is_ended(second)

    assert await EndedSessions(store, clock).is_ended(first)


async def test_a_form_needs_the_token_of_its_own_session(
    guarded: Console, open_console: OpenConsole, store_url: str
) -> None:
    await guarded.log_in()
    stranger = await open_console(store_url, console_token=TOKEN)
    foreign = (await stranger.request("GET", "/login")).form_token

    for token in ("", "x", foreign):
        assert (await guarded.post("/people", token=token, who="ada@example.org")).status == 403
    assert (await guarded.post("/people", who="ada@example.org")).status == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_a_form_of_another_site_does_nothing(guarded: Console, headers: dict[str, str]) -> None:
    await guarded.log_in()
    token = (await guarded.get("/")).form_token

    assert (await guarded.post("/people", token=token, who="a@x.example", headers=headers)).status == 403
    ours = {"Origin": guarded.url, "Sec-Fetch-Site": "same-origin"}
    assert (await guarded.post("/people", token=token, who="a@x.example", headers=ours)).status == 404


async def test_a_form_of_another_type_is_refused(guarded: Console) -> None:
    await guarded.log_in()
    token = (await guarded.get("/")).form_token

    assert (await guarded.request("POST", "/people", json={"form_token": token, "who": "a"})).status == 403


@pytest.mark.parametrize(
    "where", ["//evil.example", "/\\evil.example", "https://evil.example", "/a\r\nb", "", "/login"]
)
async def test_the_login_never_redirects_to_another_site(guarded: Console, where: str) -> None:
    page = await guarded.request("GET", "/login")

    answer = await guarded.request(
        "POST", "/login", data={"form_token": page.form_token, "token": TOKEN, "next": where}
    )

    assert answer.location == "/"


async def test_after_too_many_wrong_tokens_a_source_waits_a_minute(guarded: Console) -> None:
    for _ in range(LOGIN_FAILURES_MAX):
        assert (await guarded.log_in("wrong")).status == 401

    refused = await guarded.log_in()
    assert (refused.status, int(refused.headers["Retry-After"])) == (429, 60)
    assert (await guarded.request("GET", "/api/overview", headers={"Authorization": f"Bearer {TOKEN}"})).status == 429
    guarded.clock.advance(60_000)
    assert (await guarded.log_in()).status == 303


async def test_wrong_tokens_of_others_do_not_block_a_session(guarded: Console) -> None:
    await guarded.log_in()
    for _ in range(LOGIN_FAILURES_MAX + 1):
        await guarded.request("GET", "/", headers={"Authorization": "Bearer wrong"})

    assert (await guarded.get("/")).status == 200


async def test_login_failures_of_all_sources_together_are_limited_for_a_minute(console: Console) -> None:
    failures = console.context.login_failures
    for number in range(LOGIN_FAILURES_TOTAL_MAX):
        failures.record_failure(f"192.0.2.{number}", now_ms=1_000)

    assert failures.wait_ms("198.51.100.1", now_ms=2_000) == 59_000
    assert failures.wait_ms("198.51.100.1", now_ms=61_000) == 0


async def test_a_program_sends_the_token_each_time(guarded: Console) -> None:
    right = await guarded.request("GET", "/api/overview", headers={"Authorization": f"Bearer {TOKEN}"})
    wrong = await guarded.request("GET", "/api/overview", headers={"Authorization": "Bearer wrong"})
    none = await guarded.request("GET", "/api/overview")

    assert (right.status, right.cookies) == (200, {})
    assert [(a.status, a.headers["WWW-Authenticate"]) for a in (wrong, none)] == [(401, "Bearer")] * 2
    assert none.headers["Content-Type"].startswith("application/problem+json")


@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=x", "application/json"])
async def test_form_of_a_program_needs_the_form_content_type(guarded: Console, kind: str) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": kind}

    answer = await guarded.request("POST", "/people", data=b"who=ada", headers=headers)

    assert answer.status == 415
    assert "application/x-www-form-urlencoded" in answer.text


async def test_basic_credentials_of_a_proxy_in_front_are_ignored(guarded: Console) -> None:
    await guarded.log_in()

    assert (await guarded.get("/", headers={"Authorization": "Basic dGVhbTpzZWNyZXQ="})).status == 200


@pytest.mark.parametrize("path", ["/health", "/ready", "/metrics", "/static/live.js", "/assets/base.css", "/login"])
async def test_probes_metrics_and_the_login_need_no_token(guarded: Console, path: str) -> None:
    assert (await guarded.request("GET", path)).status == 200


@pytest.mark.parametrize("host", ["localhost:9999", "127.0.0.1", "[::1]:8001", "LOCALHOST"])
async def test_console_without_a_token_serves_names_of_this_machine(console: Console, host: str) -> None:
    assert (await console.get("/", headers={"Host": host})).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.nip.io"},
        {"Host": "localhost.evil.example:8001"},
        {"X-Forwarded-For": "192.0.2.7"},
        {"X-Real-IP": "192.0.2.7"},
        {"Forwarded": "for=192.0.2.7"},
    ],
)
async def test_without_a_token_requests_from_elsewhere_are_refused(console: Console, headers: dict[str, str]) -> None:
    answer = await console.get("/", headers=headers)

    assert answer.status == 403
    assert "CONSOLE_TOKEN" in answer.text


async def test_without_a_token_forms_need_their_form_token_too(console: Console) -> None:
    token = (await console.get("/")).form_token
    another_sites = {"Origin": "https://evil.example"}

    assert (await console.post("/people", token="x", who="a@x.example")).status == 403
    assert (await console.post("/people", token=token, who="a@x.example", headers=another_sites)).status == 403
    assert (await console.post("/people", token=token, who="a@x.example")).status == 404


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "console.internal"])
def test_a_console_without_a_token_does_not_start_beyond_loopback(host: str) -> None:
    with pytest.raises(SettingsError) as refused:
        check_access_settings(Settings(console_host=host))

    assert len(refused.value.problems) == 1
    assert refused.value.problems[0].startswith(f"CONSOLE_TOKEN: unset, and CONSOLE_HOST={host}")
    check_access_settings(Settings(console_host=host, console_token=TOKEN))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_console_on_loopback_starts_without_a_token(host: str) -> None:
    check_access_settings(Settings(console_host=host))


@pytest.mark.parametrize("path", ["/", "/login", "/api/overview", "/nowhere", "/health", "/static/live.js"])
async def test_every_response_has_the_security_headers(console: Console, path: str) -> None:
    headers = (await console.get(path)).headers

    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert (headers["Cache-Control"], headers["X-Content-Type-Options"]) == ("no-store", "nosniff")
    assert (headers["Referrer-Policy"], headers["X-Frame-Options"]) == ("same-origin", "DENY")
