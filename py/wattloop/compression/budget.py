"""How long a campaign may take, over all processes that work on it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

from wattloop.store import write_atomic

_FILE = "clock.json"
_HOUR_S = 3600.0


class Budget:
    """Counts hours; a run that is started again goes on counting where the one before it was last heard of.

    What was once allowed stays so: a question that an earlier process answered "go on" is answered alike when the
    program is repeated, so that a run that was killed takes the same course.

    Args:
        folder: where the count is kept.
        hours: how many there are; None for no end.
        now: seconds of a clock that only goes forward.
    """

    def __init__(self, folder: Path, hours: float | None, now: Callable[[], float] = time.monotonic) -> None:
        self._path, self._hours, self._now = folder / _FILE, hours, now
        self._started = now()
        self._before, self._allowed = self._read()

    def _read(self) -> tuple[float, int]:
        try:
            found = json.loads(self._path.read_bytes())
            return float(found["seconds"]), int(found["allowed"])
        except (OSError, ValueError, LookupError, TypeError):
            return 0.0, -1

    @property
    def seconds(self) -> float:
        """Seconds spent so far by all processes."""
        return self._before + self._now() - self._started

    def out_of_time(self, events: int) -> bool:
        """Whether the hours are spent.

        Args:
            events: how many decisions had fallen: names the question.
        """
        spent = self._hours is not None and self.seconds >= self._hours * _HOUR_S
        if not spent:
            self._allowed = max(self._allowed, events)
        self.save()
        return spent and events > self._allowed

    def save(self) -> None:
        """Keep the count.

        Raises:
            StorageError: the folder cannot be written.
        """
        write_atomic(self._path, json.dumps({"seconds": self.seconds, "allowed": self._allowed}))
