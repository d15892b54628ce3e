"""The program's log: what happens goes to the logger `wattloop`; while a run is written, into its folder as well.

Nobody who uses the package as a library sees any of it unless they ask `logging` for it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOGGER = logging.getLogger("wattloop")
LOGGER.addHandler(logging.NullHandler())


@contextmanager
def written_to(path: Path) -> Iterator[None]:
    """Append all that is logged within the block to a file, one line an event, times in UTC."""
    handler = logging.FileHandler(path, encoding="utf-8", delay=True)
    form = logging.Formatter("%(asctime)s.%(msecs)03dZ %(levelname)-7s %(message)s", "%Y-%m-%dT%H:%M:%S")
    form.converter = time.gmtime
    handler.setFormatter(form)
    with listening(handler):
        try:
            yield
        finally:
            handler.close()


@contextmanager
def listening(handler: logging.Handler, level: int = logging.DEBUG) -> Iterator[None]:
    """Let a handler hear all events of that level and above for the block."""
    handler.setLevel(level)
    before = LOGGER.level
    LOGGER.addHandler(handler)
    LOGGER.setLevel(min(level, before) if before else level)
    try:
        yield
    finally:
        LOGGER.removeHandler(handler)
        LOGGER.setLevel(before)
