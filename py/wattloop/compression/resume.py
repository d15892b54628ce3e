"""Progress of a compression on disk, layer by layer: a run killed at any moment goes on from its last settled layer."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch

from wattloop.compression import journal
from wattloop.compression.config import CompressConfig
from wattloop.compression.layerwise.outcome import Decision, Progress
from wattloop.compression.network import State
from wattloop.errors import StorageError
from wattloop.nn.datasets import Dataset
from wattloop.nn.network import QuantizedNetwork
from wattloop.store import content_key, write_atomic

PROGRESS = "progress.json"


def run_key(network: QuantizedNetwork, dataset: Dataset, config: CompressConfig, facts: str) -> str:
    """Content key of all that a run's course depends on; `facts` stands for the hardware side."""
    tensors = {name: tensor.detach().cpu().numpy() for name, tensor in network.state_dict().items()}
    splits = [(split.images, split.labels) for split in (dataset.train, dataset.validation)]
    return content_key(config, tensors, splits, facts)


class FolderResume:
    """Implements `wattloop.compression.layerwise.outcome.Resume` in a folder.

    Args:
        folder: made when needed.
        key: of the run; progress under another key, or damaged progress, counts as none.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self._folder = folder
        self._key = key

    def load(self) -> Progress | None:
        """The progress kept here under the same key."""
        try:
            found = json.loads((self._folder / PROGRESS).read_text())
            return self._progress(found) if found["key"] == self._key else None
        except (OSError, ValueError, LookupError, TypeError, StorageError, safetensors.SafetensorError):
            return None

    def _progress(self, found: dict[str, Any]) -> Progress:
        state, events = self._files(len(found["decisions"]))
        return Progress(
            decisions=tuple(Decision(**decision) for decision in found["decisions"]),
            events=journal.from_lines(events.read_text()),
            stale=tuple(found["stale"]),
            snapshot=State(safetensors.torch.load(state.read_bytes())),
        )

    def save(self, progress: Progress) -> None:
        """Keep `progress`: what it consists of first, then the file that points at it, then the old ones go.

        Raises:
            StorageError: the folder cannot be written.
        """
        if not isinstance(progress.snapshot, State):
            raise TypeError(f"not a state of a network: {type(progress.snapshot).__name__}")
        count = len(progress.decisions)
        state, events = self._files(count)
        tensors = {name: tensor.cpu().contiguous() for name, tensor in progress.snapshot.tensors.items()}
        write_atomic(state, safetensors.torch.save(tensors))
        write_atomic(events, journal.to_lines(progress.events))
        decisions = [asdict(decision) for decision in progress.decisions]
        found = {"key": self._key, "decisions": decisions, "stale": progress.stale}
        write_atomic(self._folder / PROGRESS, json.dumps(found))
        for old in self._files(count - 1):
            old.unlink(missing_ok=True)

    def _files(self, count: int) -> tuple[Path, Path]:
        return self._folder / f"state{count}.safetensors", self._folder / f"journal{count}.jsonl"
