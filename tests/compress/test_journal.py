"""The journal as JSON lines."""

import json

import pytest

from wattloop.compress.journal import ConfigurationTried, LayerDecided, Started, from_lines, to_lines
from wattloop.errors import StorageError

EVENTS = (
    Started(0.9, 0.3, 0.89, 7, ("a", "b"), (0.75, 0.25)),
    ConfigurationTried("a", 0.3, 16, (), 1.5, None, None, "no such set holds the bound"),
    ConfigurationTried("a", 0.3, 24, (-3, 0, 5), 1.25, 0.9, 0.1 + 0.2, "accepted"),
    LayerDecided("b", None, None, 0.9, 2.0, 2.0, ("a",)),
)


def test_events_come_back_as_they_were_written() -> None:
    assert from_lines(to_lines(EVENTS)) == EVENTS


def test_each_line_names_its_event() -> None:
    names = [json.loads(line)["event"] for line in to_lines(EVENTS).splitlines()]
    assert names == ["Started", "ConfigurationTried", "ConfigurationTried", "LayerDecided"]


@pytest.mark.parametrize("damage", ["{", '{"event": "Exploded"}', '{"layer": 3}', "[]", '{"event": "Started"}'])
def test_a_damaged_line_is_named_by_its_number(damage: str) -> None:
    with pytest.raises(StorageError, match="line 2 of the journal"):
        from_lines(to_lines(EVENTS[:1]) + damage + "\n")
