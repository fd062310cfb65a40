"""Named users: their roles, their sessions, and their names in the action log."""

from __future__ import annotations

from typing import Any

import pytest
from multidict import CIMultiDict

from common.domain.contact import Assessment
from common.domain.ids import DeliveryId, enrollment_id
from common.domain.store_generation import Generation
from common.ledger.action_log import Action, ActionFilter
from common.settings.console_users import ConsoleUser, new_user, parse_users
from common.settings.settings import Settings, SettingsError
from services.console.auth.access import check_access_settings
from services.simulation.engine import Simulation
from tests.console.conftest import TOKEN, Console, OpenConsole

Users = dict[str, tuple[ConsoleUser, str]]
ADA = enrollment_id("christmas_2025", "ada@example.org")


@pytest.fixture
def users() -> Users:
    return {"mia": new_user("mia", "full"), "ron": new_user("ron", "read")}


@pytest.fixture
async def team(open_console: OpenConsole, store_url: str, users: Users) -> Console:
    console = await open_console(store_url, console_users=",".join(user.line for user, _ in users.values()))
    # A store without a generation may have lost logouts, so a console accepts no cookie of another console there.
    await console.context.ledger.generations.begin(Generation(id="a", mark=1, at_ms=console.clock.now_ms()))
    return console


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", "Accept": "application/json"}


async def test_a_user_logs_in_with_their_own_token_and_is_named(team: Console, users: Users) -> None:
    answer = await team.log_in(users["mia"][1])

    assert answer.status == 303
    assert "mia" in (await team.get("/")).text


async def test_read_only_user_sees_no_button_and_is_refused_with_an_explanation(team: Console, users: Users) -> None:
    await team.log_in(users["ron"][1])
    page = await team.get("/")
    form = {"delivery": "x", "dead_since_ms": "1"}

    answer = await team.post("/dead-letters/discard", token=page.form_token, **form)

    assert "may only look" in page.text
    assert answer.status == 403
    assert "ron has the role `read`. Ask somebody with the role `full` to do it." in answer.text


async def test_read_only_user_may_search_and_download(team: Console, users: Users) -> None:
    await team.log_in(users["ron"][1])
    token = (await team.get("/people")).form_token

    answers = [await team.post(path, token=token, q="ada@") for path in ("/people", "/people.csv")]

    assert [answer.status for answer in answers] == [200, 200]


async def test_program_of_a_read_only_user_reads_and_cannot_act(team: Console, users: Users) -> None:
    headers = bearer(users["ron"][1])

    assert (await team.request("GET", "/api/overview", headers=headers)).status == 200
    assert (await team.request("POST", "/dead-letters/discard", headers=headers, data={"x": "1"})).status == 403


async def test_removed_user_is_logged_out(
    open_console: OpenConsole, store_url: str, users: Users, team: Console
) -> None:
    await team.log_in(users["ron"][1])
    cookie = {"Cookie": "; ".join(f"{one.key}={one.value}" for one in team.http.cookie_jar)}
    without = await open_console(store_url, console_users=users["mia"][0].line)
    still = await open_console(store_url, console_users=users["ron"][0].line, console_token=TOKEN)

    assert (await without.request("GET", "/", headers=cookie)).status == 303
    assert (await still.request("GET", "/", headers=cookie)).status == 200


async def test_a_new_token_of_the_same_user_ends_their_sessions(
    open_console: OpenConsole, store_url: str, users: Users, team: Console
) -> None:
    await team.log_in(users["ron"][1])
    cookie = {"Cookie": "; ".join(f"{one.key}={one.value}" for one in team.http.cookie_jar)}
    renewed = await open_console(store_url, console_users=new_user("ron", "read")[0].line)

    assert (await renewed.request("GET", "/", headers=cookie)).status == 303


async def test_changed_role_of_a_user_applies_at_once(
    open_console: OpenConsole, store_url: str, users: Users, team: Console
) -> None:
    mia = users["mia"][0]
    await team.log_in(users["mia"][1])
    cookie = {"Cookie": "; ".join(f"{one.key}={one.value}" for one in team.http.cookie_jar)}
    demoted = await open_console(store_url, console_users=ConsoleUser(mia.name, "read", mia.token_sha256).line)

    assert "may only look" in (await demoted.request("GET", "/", headers=cookie)).text


async def test_console_token_keeps_the_full_role_next_to_named_users(
    open_console: OpenConsole, store_url: str, users: Users
) -> None:
    both = await open_console(store_url, console_token=TOKEN, console_users=users["ron"][0].line)

    await both.log_in(TOKEN)

    assert "may only look" not in (await both.get("/")).text


async def test_only_a_trusted_proxy_may_name_the_user(open_console: OpenConsole, store_url: str, users: Users) -> None:
    lines = ",".join(user.line for user, _ in users.values())
    given = {"console_users": lines, "console_user_header": "X-User"}
    behind = await open_console(store_url, trusted_proxies="127.0.0.0/8", **given)
    exposed = await open_console(store_url, **given)

    assert (await behind.request("GET", "/", headers={"X-User": "ron"})).status == 200
    assert (await behind.request("GET", "/", headers={"X-User": "nobody"})).status == 303
    assert (await exposed.request("GET", "/", headers={"X-User": "ron"})).status == 303


@pytest.mark.parametrize("names", [["console-token"], ["ron", "mia"], ["mia", "mia"], ["mia", ""], [""]])
async def test_proxy_must_name_one_known_user_and_never_that_of_the_console_token(
    open_console: OpenConsole, store_url: str, users: Users, names: list[str]
) -> None:
    lines = ",".join(user.line for user, _ in users.values())
    behind = await open_console(
        store_url,
        console_token=TOKEN,
        console_users=lines,
        console_user_header="X-User",
        trusted_proxies="127.0.0.0/8",
    )
    headers = CIMultiDict([*behind.headers.items(), *(("X-User", name) for name in names)])

    async with behind.http.get(behind.url + "/people", headers=headers, allow_redirects=False) as response:
        assert response.status == 303


@pytest.mark.parametrize(
    ("given", "banner"),
    [
        ({}, "<b>Sandbox</b>: no mail leaves this machine."),
        ({"testing_mode": True}, "<b>Test mode</b>: minutes instead of days."),
        ({"campaign_speed": 10}, "<b>Pace 10</b>"),
    ],
)
async def test_sandbox_test_mode_and_pace_are_shown_on_every_page(
    open_console: OpenConsole, store_url: str, given: dict[str, Any], banner: str
) -> None:
    console = await open_console(store_url, **given)

    assert banner in (await console.get("/")).text
    assert banner in (await console.get("/actions")).text


async def test_a_real_campaign_has_no_banner(open_console: OpenConsole, store_url: str) -> None:
    console = await open_console(store_url, resend_api_key="re_" + "a" * 20)

    assert "banners" not in (await console.get("/")).text


def test_console_users_suffice_for_a_console_beyond_loopback(users: Users) -> None:
    check_access_settings(Settings(console_host="0.0.0.0", console_users=users["ron"][0].line))
    with pytest.raises(SettingsError, match="CONSOLE_USERS"):
        check_access_settings(Settings(console_host="0.0.0.0"))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("mia", "the role of mia"),
        ("mia:boss:" + "a" * 64, "the role of mia must be full or read"),
        ("mia:full:abc", "must end with the SHA-256"),
        ("Mia!:full:" + "a" * 64, "a name needs"),
        ("console-token:full:" + "a" * 64, "is the user of CONSOLE_TOKEN"),
        (",".join(["mia:full:" + "a" * 64] * 2), "names mia twice"),
    ],
)
def test_invalid_console_user_is_reported_without_its_hash(text: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault) as raised:
        parse_users(text)

    assert "a" * 64 not in str(raised.value)


async def test_logged_action_names_its_user_and_contact_but_no_address(console: Console) -> None:
    now_ms = console.clock.now_ms()
    log = console.context.ledger.action_log
    action = Action(at_ms=now_ms, by="mia", via="cli", what="pause", on=(ADA,), after="wrote to ada@example.org")
    await log.record(action)

    kept = await log.newest(ActionFilter())
    page = (await console.get("/actions")).text

    assert [(one.by, one.what, one.on) for one in kept] == [("mia", "pause", (ADA,))]
    assert "ada@example.org" not in kept[0].after
    assert all(word in page for word in ("mia", "<option>pause</option>", ADA, "cli"))


@pytest.mark.parametrize(
    ("query", "shown"),
    [("", "ab"), ("?by=mia", "a"), ("?via=api", "b"), ("?what=resume", "b"), (f"?on={ADA}", "a"), ("?by=zoe", "")],
)
async def test_the_action_log_is_filtered(console: Console, query: str, shown: str) -> None:
    log = console.context.ledger.action_log
    await log.record(Action(at_ms=1, by="mia", via="console", what="pause", on=(f"{ADA}/step-1",), after="aaa-marker"))
    await log.record(Action(at_ms=2, by="ron", via="api", what="resume", on=("everybody",), after="bbb-marker"))

    page = (await console.get(f"/actions{query}")).text

    assert "".join(one for one in "ab" if f"{one * 3}-marker" in page) == shown


async def test_actions_are_found_by_an_address_that_is_in_no_url(
    team: Console, users: Users, simulation: Simulation, ada: Assessment
) -> None:
    log, ledger = team.context.ledger.action_log, team.context.ledger
    await simulation.sign_up(ada)
    await log.record(Action(at_ms=1, by="mia", via="console", what="pause", on=(ADA,), after="aaa-marker"))
    await log.record(Action(at_ms=2, by="ron", via="api", what="pause", on=("everybody",), after="bbb-marker"))
    await team.log_in(users["ron"][1])

    async def look_for(who: str) -> tuple[bool, bool]:
        """Return whether the page shows the action on Ada, and whether it shows the one on all people."""
        token = (await team.get("/actions")).form_token
        answer = await team.post("/actions", token=token, on=who, what="pause")
        assert (answer.status, "@" in answer.location, "%40" in answer.location) == (303, False, False)
        text = (await team.get(answer.location)).text
        return "aaa-marker" in text, "bbb-marker" in text

    assert await look_for(" Ada@example.org") == (True, False)
    assert await look_for(f"nobody@example.org {ADA}") == (True, False)
    assert await look_for("nobody@example.org") == (False, False)
    assert await look_for("@") == await look_for("x@") == (False, False)
    assert await look_for("everybody") == (False, True)
    await ledger.contacts.forget_address("ada@example.org", now_ms=team.clock.now_ms())
    assert await look_for("ada@example.org") == (True, False)


async def test_discarded_dead_letter_is_logged_with_the_name_of_the_user(
    team: Console, users: Users, simulation: Simulation, ada: Assessment
) -> None:
    await simulation.sign_up(ada)
    await simulation.run(until_ms=simulation.clock.now_ms() + 1_000)
    now_ms, ledger = team.clock.now_ms(), team.context.ledger
    claim: Any = await ledger.deliveries.claim(DeliveryId(f"{ADA}/step-2"), worker="w", now_ms=now_ms + 86_400_000)
    await ledger.deliveries.settle(claim, "dead", "422: refused", now_ms=now_ms)
    await team.log_in(users["mia"][1])
    page = await team.get("/dead-letters")

    form = {"delivery": f"{ADA}/step-2", "dead_since_ms": str(now_ms)}
    await team.post("/dead-letters/discard", token=page.form_token, **form)

    [action] = await ledger.action_log.newest(ActionFilter())
    assert (action.by, action.via, action.what, action.on) == ("mia", "console", "discard", (f"{ADA}/step-2",))
