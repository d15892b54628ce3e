"""What is not the same in several runs: for the pages that compare them and for the catalogue alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

Value = TypeVar("Value")

# Of a run's facts, those that say when and where and not what: every run has its own.
PASSING = ("title", "started", "seconds")


def flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Settings by their whole key.

    >>> dict(flat({"hardware": {"clock_ps": 200}, "seed": 0}))
    {'hardware.clock_ps': 200, 'seed': 0}
    """
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def lasting(facts: Mapping[str, Value]) -> dict[str, Value]:
    """A run's facts without those that are its own."""
    return {name: value for name, value in facts.items() if name not in PASSING}


def differing(found: Mapping[str, Mapping[str, Value]], absent: Value) -> list[tuple[str, list[Value]]]:
    """Names whose values are not the same in all runs, with the value in each.

    Args:
        found: values by name, by run.
        absent: stands for a value that a run lacks.

    >>> differing({"a": {"seed": "0", "x": "1"}, "b": {"seed": "1", "x": "1"}}, "-")
    [('seed', ['0', '1'])]
    """
    names = dict.fromkeys(name for values in found.values() for name in values)
    rows = [(name, [values.get(name, absent) for values in found.values()]) for name in names]
    return [(name, values) for name, values in rows if len(set(values)) > 1]
