"""Compression for the tables: which campaigns an exhibit takes, each kept when it is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from wattloop.compression.row_files import from_json
from wattloop.compression.rows import Row
from wattloop.flow.compression import COMPRESSION, compress_flow, progress_folder
from wattloop.flow.models import ModelEntry, Models
from wattloop.flow.progress import Progress
from wattloop.flow.reproduce.tasks import TASKS, Task
from wattloop.flow.settings import Settings
from wattloop.flow.simulator import Simulator
from wattloop.flow.training import Trained, trained_network
from wattloop.report.reproduce.results import DEFAULT_MAC, INT8, LAYERWISE
from wattloop.runs import Run
from wattloop.store import Store, content_key

_INT8 = "int8.safetensors"
_ROWS, _POINTS = "rows.json", "points"


def compressed(
    exhibit: str, settings: Settings, store: Store, progress: Progress
) -> Iterator[tuple[Models, tuple[ModelEntry, ...]]]:
    """Run the campaigns of an exhibit; one that was done before, or was killed, is not begun anew.

    Args:
        exhibit: its name.
        settings: network, training, hardware, `compress` and `measure`.
        store: keeps what is done.
        progress: told of every step.

    Yields:
        The networks of each campaign as a folder of checkpoints.
    """
    trained = trained_network(settings, store=store, progress=progress)
    for task in TASKS[exhibit]:
        own = replace(settings, compress=task.change(settings.compress))
        if not own.compress.methods:
            continue  # the user asks for none of those that this task is about
        simulator = Simulator.of(own, store=store, progress=progress)
        folder = store.entry("campaign", _key(own, trained, simulator), _campaign(own, trained, store, progress))
        rows = from_json((folder / COMPRESSION / _ROWS).read_text())
        entries = tuple(_entries(rows, task, own))
        yield Models(folder, (_int8(own, entries), *entries)), entries


def _key(settings: Settings, trained: Trained, simulator: Simulator) -> str:
    """Of all that a campaign's networks and figures depend on, the hours among it: they end it, wherever it stands."""
    course = progress_folder(settings, trained, simulator).name
    return content_key("reproduce", course, settings.measure, settings.compress.max_hours)


def _campaign(settings: Settings, trained: Trained, store: Store, progress: Progress) -> Callable[[Path], None]:
    """What fills the folder of a campaign."""
    from wattloop.nn.checkpoint import save

    def build(folder: Path) -> None:
        compress_flow(settings, Run(folder), store=store, progress=progress)
        save(trained.network, folder / _INT8)

    return build


def _entries(rows: Sequence[Row], task: Task, settings: Settings) -> Iterator[ModelEntry]:
    """The networks that count: of the layer-wise method, which offers one after every layer, the last."""
    last = max((k for k, row in enumerate(rows) if row.method == LAYERWISE), default=None)
    for number, row in enumerate(rows):
        # A method may go by the name of the network that all are held against; it stands there already.
        if (row.method == LAYERWISE and number != last) or row.method == INT8:
            continue
        yield ModelEntry(
            file=f"{COMPRESSION}/{_POINTS}/{number:03}.safetensors",
            network=row.network,
            dataset=row.dataset,
            method=row.method,
            setting=task.setting or row.setting,
            mac=row.mac,
            seed=row.seed,
            epochs=row.epochs,
            delay_bound_ps=row.delay_bound_ps or 0.0,
            role="compressed",
            int8=_INT8,
            accuracy=row.accuracy,
            validation=row.validation,
            command="this run",
        )


def _int8(settings: Settings, entries: Sequence[ModelEntry]) -> ModelEntry:
    """The network that they were made from."""
    network = settings.network
    return ModelEntry(
        file=_INT8,
        network=network.model,
        dataset=network.dataset,
        method=INT8,
        mac=entries[0].mac if entries else DEFAULT_MAC,
        seed=network.seed,
        role="int8",
        accuracy=0.0,
        validation=0.0,
        command="this run",
    )
