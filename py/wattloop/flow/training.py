"""From network settings to a trained int8 network, kept in the cache."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wattloop import own_code
from wattloop.flow.progress import SILENT, Progress
from wattloop.flow.reporting import report
from wattloop.flow.settings import Settings
from wattloop.flow.training_history import HISTORY, History
from wattloop.flow.training_stages import (
    FLOAT,
    NETWORK,
    WEIGHT_BITS,
    Stages,
    legal_weights,
    own_model,
)
from wattloop.runs import Run
from wattloop.store import Store, content_key

if TYPE_CHECKING:
    from wattloop.nn.datasets import Dataset
    from wattloop.nn.models import Normalized
    from wattloop.nn.network import QuantizedNetwork

__all__ = ["WEIGHT_BITS", "Trained", "keep_trained", "legal_weights", "load_dataset", "train_flow", "trained_network"]


@dataclass(frozen=True, eq=False)
class Trained:
    """An int8 network and the data it knows.

    Attributes:
        network: the network, without constraints unless its checkpoint brought some.
        dataset: its data set.
        key: content key of the network.
        history: how training went, a row an epoch: stage ("float", "int8"), loss, accuracies as fractions; empty for a
            checkpoint.
        teacher: the float network that it was made from, in evaluation mode; for a checkpoint the one of
            `network.initial_weights`, None without.
        network_file: the network's file.
        float_file: the teacher's, where it was trained here.
    """

    network: QuantizedNetwork
    dataset: Dataset
    key: str
    history: History
    network_file: Path
    teacher: Normalized | None = None
    float_file: Path | None = None


def load_dataset(settings: Settings, progress: Progress = SILENT) -> Dataset:
    """The data set of the settings.

    Raises:
        DatasetError: unknown, missing or damaged; the message says what to do.
        ConfigError: code of the user's own fails.
    """
    network = settings.network
    with progress.step(f"reading the data set {network.dataset_title}"):
        if own_code.is_own(network.dataset):
            own_code.load(network.dataset, "network.dataset")
            arguments = json.dumps(dict(network.data_arguments), sort_keys=True, default=str)
            return _load_own(network.dataset, arguments, own_code.digest((), network.dataset))
        return _load_dataset(network.dataset, network.data_root)


@functools.lru_cache(maxsize=1)
def _load_own(name: str, arguments: str, code: str) -> Dataset:
    """The data; `code` tells edits of it apart."""
    from wattloop.nn.own_data import load_own

    return load_own(name, json.loads(arguments))


@functools.lru_cache(maxsize=1)
def _load_dataset(name: str, root: str | None) -> Dataset:
    from wattloop.nn.datasets import load

    return load(name, None if root is None else Path(root))


def trained_network(settings: Settings, *, store: Store | None = None, progress: Progress = SILENT) -> Trained:
    """The int8 network of the settings: its checkpoint, or trained now, or trained before.

    The float network is kept by itself, so that other settings of int8 training do not train it again. Training that
    was killed goes on from its last kept state.

    Raises:
        ModelError: unknown network, or one that cannot be quantised.
        DatasetError: the data set is missing or damaged.
    """
    store = store or Store()
    dataset = load_dataset(settings, progress)
    stages = Stages(settings, dataset, store, progress)
    if settings.network.checkpoint is not None:
        return _on_array(settings, _from_checkpoint(stages, Path(settings.network.checkpoint)), progress)
    float_key = stages.float_key()
    teacher, before = stages.train_float(float_key)
    key = stages.int8_key(float_key)
    network, after = stages.train_int8(key, teacher)
    network_file, float_file = store.root / "network" / key / NETWORK, store.root / "float" / float_key / FLOAT
    trained = Trained(network, dataset, key, before + after, network_file, teacher, float_file)
    return _on_array(settings, trained, progress)


def _on_array(settings: Settings, trained: Trained, progress: Progress) -> Trained:
    """Lay the network onto the array, and say what of it does not run there."""
    trained.network.suit_array(signed=settings.hardware.array.mac.activation_signed)
    parts = trained.network.float_parts
    if parts:
        progress.tell(f"{len(parts)} parts stay in floating point, off the array: {'; '.join(parts.values())}")
    return trained


def _from_checkpoint(stages: Stages, path: Path) -> Trained:
    from wattloop.nn.checkpoint import load

    start = stages.settings.network.initial_weights
    teacher = None if start is None else stages.float_network(Path(start))
    network = load(path, own_model(stages.settings.network))
    return Trained(network, stages.dataset, content_key(path.read_bytes()), (), path, teacher)


def train_flow(settings: Settings, run: Run, *, store: Store | None = None, progress: Progress = SILENT) -> History:
    """Train, and keep what comes out in the run, with a report where there was anything to train."""
    history = keep_trained(settings, run, store=store, progress=progress)
    if history:
        report(run, progress)
    return history


def keep_trained(settings: Settings, run: Run, *, store: Store | None = None, progress: Progress = SILENT) -> History:
    """Train, keep `float.safetensors`, `network.safetensors` and `history.json` in the run, and return the history."""
    trained = trained_network(settings, store=store, progress=progress)
    if trained.float_file is not None:
        run.write(FLOAT, trained.float_file.read_bytes())
    run.write(NETWORK, trained.network_file.read_bytes())
    run.write(HISTORY, json.dumps(trained.history, indent=1))
    if trained.network.float_parts:
        run.facts["float parts"] = "; ".join(trained.network.float_parts.values())
    return trained.history
