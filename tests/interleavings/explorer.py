"""
Every order in which things can happen, by the states they lead to: two orders that meet in one state go on as one.

A model offers the moves that are possible in a state; each is tried from each state that can be reached.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol


class Model(Protocol):
    """`load` puts the world into a state; `moves` and `play` are asked only then."""

    def load(self, state: Any) -> None: ...

    def moves(self) -> Iterable[Hashable]: ...

    def play(self, move: Any) -> None: ...

    def state(self) -> Hashable: ...


@dataclass
class Found:
    """`interleavings`: ways through the graph from its beginning to where nothing new can happen."""

    states: int = 0
    transitions: int = 0
    interleavings: int = 0


def explore(model: Model, start: Hashable, check: Callable[[Any], None]) -> Found:
    """
    Visit every state, and `check` each. A broken promise is an AssertionError, to which is added how it came to it.
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
    """How many ways there are from the start to where nothing new can happen. No way comes to one state twice."""
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
