"""How a flow tells what it is doing, without knowing who listens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Step(Protocol):
    """Called as work advances."""

    def __call__(self, done: float, total: float, note: str = "") -> None:
        """`done` of `total` units are done; `note` says what is being done now."""


class Progress(Protocol):
    """Shows the steps of a flow."""

    def step(self, title: str) -> AbstractContextManager[Step]:
        """A step that lasts as long as the block."""

    def tell(self, text: str) -> None:
        """A line that stays."""


class Silent:
    """Shows nothing."""

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """A step that nobody sees."""
        yield _ignore

    def tell(self, text: str) -> None:
        """Forget it."""


def _ignore(done: float, total: float, note: str = "") -> None:
    """Forget it."""


SILENT = Silent()
