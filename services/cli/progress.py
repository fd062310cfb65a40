"""Shows the progress of a long command on stderr: a bar on a terminal, otherwise lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click


@contextmanager
def count_bar(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Yield a function: `progress(37)` shows 37 of `total`. It shows nothing when stderr is not a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=total)
        yield lambda done: bar.update(task, completed=done)


@contextmanager
def line_bar(*, steps: int | None = None) -> Iterator[Callable[[str], None]]:
    """
    Yield a function: `say(line)` shows next to the bar what was done; without a terminal it prints the line.

    `steps`: how many lines there will be, None when unknown.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield lambda line: click.echo(f"  {line}", err=True)
        return
    columns = (BarColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=steps)
        yield lambda line: bar.update(task, advance=1, description=line)
