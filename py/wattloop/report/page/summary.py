"""The head of a page: what a run found, in a sentence and the figures that it is opened for."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from typing import Any

from wattloop.report.inputs import StoredRun, present
from wattloop.report.page import best, heads
from wattloop.report.page.heads import Head


def head(run: StoredRun) -> Head:
    """Lede and facts, of the most telling of a run's results."""
    for part, said in _HEADS.items():
        if present(getattr(run, part)):
            return said(run)
    return "", ()


def above(run: StoredRun) -> str:
    """The command, and what it was about."""
    network = settings(run).get("network", {})
    parts = [run.provenance.get("command", "run"), network.get("model"), network.get("dataset")]
    return " · ".join(str(part) for part in parts if part)


def settings(run: StoredRun) -> Mapping[str, Any]:
    """The settings of a run; none where they cannot be read."""
    try:
        return tomllib.loads(run.settings)
    except tomllib.TOMLDecodeError:
        return {}


_HEADS: Mapping[str, Callable[[StoredRun], Head]] = {
    "compression": best.compression,
    "exhibit": heads.exhibit,
    "estimate": heads.estimate,
    "verdict": heads.verdicts,
    "exploration": heads.exploration,
    "timing": heads.timing,
    "mappings": heads.mappings,
    "transitions": heads.transitions,
    "tables": heads.tables,
    "seen": heads.transitions,
    "history": heads.history,
}
