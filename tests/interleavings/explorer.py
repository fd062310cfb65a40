"""
Explores every order of events as a graph of states: two orders that reach the same state are continued only once.

A model lists the moves that are possible in a state. Each move is played from each state that can be reached.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol


class Model(Protocol):
    """`load` restores a state; it is called before `moves` and `play`."""

    def load(self, state: Any) -> None: ...

    def moves(self) -> Iterable[Hashable]: ...

    def play(self, move: Any) -> None: ...

    def state(self) -> Hashable: ...


@dataclass
class Found:
    """The size of an exploration. `interleavings`: paths through the graph from its start to a final state."""

    states: int = 0
    transitions: int = 0
    interleavings: int = 0


def explore(model: Model, start: Hashable, check: Callable[[Any], None]) -> Found:
    """
    Visit every state and `check` each. Raises AssertionError for a broken guarantee, with the moves that led to it.
    """
    came_from: dict[Hashable, tuple[Hashable, Hashable] | None] = {start: None}
    onward: dict[Hashable, list[Hashable]] = {}
    waiting = [start]
    found = Found()
    while waiting:
        state = waiting.pop()
        _reported(partial(check, state), partial(_way_to, state, came_from))
        model.load(state)
        onward[state] = following = []
        for number, move in enumerate(list(model.moves())):
            if number:
                model.load(state)
            _reported(partial(model.play, move), partial(_way_to, state, came_from, move))
            after = model.state()
            found.transitions += 1
            if after == state:
                continue
            following.append(after)
            if after not in came_from:
                came_from[after] = (state, move)
                waiting.append(after)
    found.states = len(came_from)
    found.interleavings = _ways(start, onward)
    return found


def _reported(try_: Callable[[], None], way: Callable[[], list[Hashable]]) -> None:
    try:
        try_()
    except AssertionError as broken:
        raise AssertionError(f"{broken}, after {way()}") from broken


def _way_to(
    state: Hashable, came_from: dict[Hashable, tuple[Hashable, Hashable] | None], *last: Hashable
) -> list[Hashable]:
    way = list(last)
    while (step := came_from[state]) is not None:
        state, move = step
        way.append(move)
    return way[::-1]


def _ways(start: Hashable, onward: dict[Hashable, list[Hashable]]) -> int:
    """Return the number of paths from the start to a final state. No path visits a state twice."""
    ways: dict[Hashable, int] = {}
    stack = [start]
    while stack:
        state = stack[-1]
        missing = [after for after in onward[state] if after not in ways]
        if not missing:
            ways[state] = sum(ways[after] for after in onward[state]) or 1
            stack.pop()
        else:
            stack += missing
            assert len(stack) <= 2 * len(onward) ** 2, "the model goes round in a circle"
    return ways[start]
