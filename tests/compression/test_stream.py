"""The journal as it grows."""

from __future__ import annotations

from pathlib import Path

from wattloop.compression.journal import MethodStarted, PointFound, from_lines
from wattloop.compression.stream import Journal


def test_a_journal_can_be_followed_and_is_cut_where_a_line_is_torn(tmp_path: Path) -> None:
    journal = Journal(tmp_path, lambda event: None)
    events = [MethodStarted("a", 2), PointFound("a", "x=1", 0.9, 0.2, 5.0), MethodStarted("b", 1)]
    for event in events[:2]:
        journal(event)
    assert from_lines(journal.path.read_text()) == tuple(events[:2])
    with journal.path.open("ab") as file:
        file.write(b'{"event": "MethodSta')
    again = Journal(tmp_path, lambda event: None)
    for event in events:
        again(event)
    assert from_lines(journal.path.read_text()) == tuple(events)
