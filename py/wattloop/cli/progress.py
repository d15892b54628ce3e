"""Progress on standard error: a bar with the remaining time on a terminal, a line a step elsewhere; and in the log."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from wattloop.flow.progress import Step
from wattloop.logs import LOGGER

# Steps that take less are not worth a line in a log.
_QUICK_S = 1.0

# All that commands say beside their results goes through it.
CONSOLE = Console(stderr=True)
_LOG = LOGGER.getChild("progress")


class _OnConsole(logging.Handler):
    """Shows what is logged, but what progress has shown already."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)

    def emit(self, record: logging.LogRecord) -> None:
        if record.name != _LOG.name or record.levelno < logging.INFO:
            text = f"{record.levelname.lower()}: {record.getMessage()}"
            CONSOLE.print(text, style="dim", highlight=False, markup=False, soft_wrap=True)


_HANDLER = _OnConsole()


def speak(*, quiet: bool = False, verbose: bool = False) -> None:
    """Say nothing but errors, or also what is taken from the cache, built and started; by default, steps alone."""
    CONSOLE.quiet = quiet
    level = logging.DEBUG if verbose else logging.WARNING
    _HANDLER.setLevel(level)
    LOGGER.setLevel(level)
    LOGGER.addHandler(_HANDLER)


class ConsoleProgress:
    """A bar for each running step; nested steps stand below each other."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or CONSOLE
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
        _LOG.debug("%s", title)
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
        _LOG.log(logging.INFO if seconds >= _QUICK_S else logging.DEBUG, "%s: %.1f s", title, seconds)
        if seconds >= _QUICK_S:
            self._print(f"{title}: {seconds:.1f} s")

    def tell(self, text: str) -> None:
        """A line above the bars."""
        _LOG.info("%s", text)
        self._print(text)

    def _print(self, text: str) -> None:
        line = f"{'  ' * self._depth}{text}"
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)
