"""What the epochs of a training came to: shown as they end, and kept beside the network."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from wattloop.flow.progress import Step
from wattloop.store import write_atomic

if TYPE_CHECKING:
    from wattloop.nn.training_state import EpochReport

HISTORY = "history.json"

History = tuple[dict[str, float | str], ...]


def history_of(stage: str, reports: Sequence[EpochReport]) -> History:
    """A row an epoch: stage, epoch, loss (nats), training accuracy and, where it was measured, validation accuracy."""
    return tuple(_row(stage, report) for report in reports)


def write_history(folder: Path, history: History) -> None:
    """Keep it in a folder."""
    write_atomic(folder / HISTORY, json.dumps(history, indent=1))


def read_history(folder: Path) -> History:
    """What `write_history` kept."""
    return tuple(json.loads((folder / HISTORY).read_text()))


def _row(stage: str, report: EpochReport) -> dict[str, float | str]:
    row: dict[str, float | str] = {"stage": stage, "epoch": report.epoch, "loss": report.loss}
    row["training_accuracy"] = report.accuracy
    if report.validation is not None:
        row["validation_accuracy"] = report.validation.accuracy
    return row


class Watch:
    """Shows how a stage of training goes."""

    def __init__(self, step: Step) -> None:
        self._step, self._text = step, ""

    def epoch(self, report: EpochReport) -> None:
        """An epoch is done."""
        if report.validation is not None:
            self._text = f"validation {report.validation.accuracy:.1%}"

    def steps(self, done: int, total: int) -> None:
        """So many steps are."""
        self._step(done, total, self._text)
