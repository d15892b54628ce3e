"""Progress on standard error: a bar with the remaining time on a terminal, a line a step elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from wattloop.flow.progress import Step

# Steps that take less are not worth a line in a log.
_QUICK_S = 1.0


class ConsoleProgress:
    """A bar for each running step; nested steps stand below each other."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=self._console,
            transient=True,
        )
        self._depth = 0

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """A step with a bar; when it ends, one line stays with the time that it took."""
        started = time.monotonic()
        task = self._bars.add_task(title, total=None, note="")
        if self._depth == 0 and self._console.is_terminal:
            self._bars.start()
        self._depth += 1

        def advance(done: float, total: float, note: str = "") -> None:
            self._bars.update(task, completed=done, total=total, note=note)

        try:
            yield advance
        finally:
            self._depth -= 1
            self._bars.remove_task(task)
            if self._depth == 0 and self._console.is_terminal:
                self._bars.stop()
        seconds = time.monotonic() - started
        if seconds >= _QUICK_S:
            self._console.print(f"{'  ' * self._depth}{title}: {seconds:.1f} s", highlight=False)

    def tell(self, text: str) -> None:
        """A line above the bars."""
        self._console.print(f"{'  ' * self._depth}{text}", highlight=False, markup=False, soft_wrap=True)
