"""The action log stores the newest actions, each once."""

from __future__ import annotations

from types import SimpleNamespace

from common.ledger import action_log, keys
from common.ledger.action_log import Action, ActionFilter


def action(number, on=("everybody",)):
    return Action(at_ms=number, by="mia", via="cli", what="pause", on=on)


async def test_action_log_keeps_only_the_newest_actions(ledger, monkeypatch):
    monkeypatch.setattr(action_log, "ACTIONS_MAX", 3)
    for number in range(5):
        await ledger.action_log.record(action(number))

    assert [one.at_ms for one in await ledger.action_log.newest(ActionFilter())] == [4, 3, 2]


async def test_a_repeated_action_is_logged_once(ledger):
    await ledger.action_log.record(action(1))
    await ledger.action_log.record(action(1))

    assert await ledger.client.llen(keys.ACTIONS) == 1


async def test_actions_are_read_page_by_page(ledger, monkeypatch):
    monkeypatch.setattr(action_log, "PAGE", 2)
    for number in range(5):
        await ledger.action_log.record(action(number))

    assert [one.at_ms for one in await ledger.action_log.newest(ActionFilter(), first=1, number=3)] == [3, 2, 1]


async def test_action_on_many_contacts_stores_20_ids_and_the_number_of_the_others(ledger):
    await ledger.action_log.record(action(1, on=tuple(f"enr_{n}" for n in range(25))))

    [kept] = await ledger.action_log.newest(ActionFilter())
    assert (len(kept.on), kept.on[-1]) == (21, "and 5 more")


async def test_reason_of_an_action_is_stored_and_never_logged(ledger, monkeypatch):
    lines = []
    monkeypatch.setattr(action_log, "log", SimpleNamespace(info=lambda event, **said: lines.append((event, said))))

    await ledger.action_log.record(action(1), why="Sarah's domain moves, ask ada@example.org")

    [kept] = await ledger.action_log.newest(ActionFilter())
    assert "Sarah's domain moves" in kept.after
    assert "ada@example.org" not in kept.after
    assert [event for event, _ in lines] == ["action_taken"]
    assert "Sarah" not in str(lines)
