"""The journal of a campaign as it is written, line by line, for those who watch it."""

from __future__ import annotations

from pathlib import Path

from wattloop.compression.journal import Event, OnEvent, to_lines
from wattloop.store import storage_errors

JOURNAL = "journal.jsonl"


class Journal:
    """Collects events, appends each to a file and passes it on.

    A program that is repeated tells its first decisions again: those stand in the file already.

    Args:
        folder: where `journal.jsonl` is written.
        on_event: told of every event.

    Attributes:
        events: all of them so far.
    """

    def __init__(self, folder: Path, on_event: OnEvent) -> None:
        self.path = folder / JOURNAL
        self.events: list[Event] = []
        self._on_event = on_event
        self._known = self._read()

    def _read(self) -> list[bytes]:
        """The whole lines of an earlier process."""
        try:
            return [line for line in self.path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
        except OSError:
            return []

    def __call__(self, event: Event) -> None:
        """Take an event.

        Raises:
            StorageError: the file cannot be written.
        """
        line, number = to_lines([event]).encode(), len(self.events)
        self.events.append(event)
        if number >= len(self._known) or self._known[number] != line:
            self._write(number, line)
        self._on_event(event)

    def _write(self, number: int, line: bytes) -> None:
        del self._known[number:]
        with storage_errors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("r+b" if self.path.exists() else "xb") as file:
                file.seek(sum(map(len, self._known)))
                file.truncate()
                file.write(line)
        self._known.append(line)
