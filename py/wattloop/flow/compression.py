"""From settings to a compressed network."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from wattloop.flow.events import Watch
from wattloop.flow.inputs import check_inputs
from wattloop.flow.progress import SILENT, Progress
from wattloop.flow.reporting import report
from wattloop.flow.settings import Settings
from wattloop.flow.simulator import Simulator
from wattloop.flow.training import Trained, trained_network
from wattloop.runs import Run
from wattloop.store import Store, content_key

if TYPE_CHECKING:
    from wattloop.compression.result import CompressionResult

COMPRESSION = "compression"


def compress_flow(
    settings: Settings, run: Run, *, store: Store | None = None, progress: Progress = SILENT
) -> CompressionResult:
    """Compress the network of the settings; the run gets `compression/` and the report.

    A killed run goes on from its last settled layer when the same settings are run again: its progress lies in the
    cache until the run is done.

    Args:
        settings: hardware, network, training, compression.
        run: where results go.
        store: cache.
        progress: told of every step and decision.
    """
    check_inputs(settings, progress)
    simulator = Simulator.of(settings, store=store, progress=progress)
    run.facts |= simulator.cell.facts | {"simulator": simulator.backend.name}
    trained = trained_network(settings, store=store, progress=progress)
    run.facts["network key"] = trained.key
    result = compress_trained(settings, trained, simulator, progress=progress)
    result.save(run.folder / COMPRESSION)
    report(run, progress)
    shutil.rmtree(resume_folder(settings, trained, simulator), ignore_errors=True)
    return result


def compress_trained(
    settings: Settings, trained: Trained, simulator: Simulator, *, progress: Progress = SILENT
) -> CompressionResult:
    """Compress a network that is there, with its progress kept in the cache."""
    from wattloop.compression.run import compress

    with progress.step("compressing") as step:
        return compress(
            trained.network,
            trained.dataset,
            simulator.tables,
            settings.compress,
            tiles=simulator.tiles,
            on_event=Watch(progress, step),
            resume=resume_folder(settings, trained, simulator),
            resume_facts=simulator.key,
        )


def resume_folder(settings: Settings, trained: Trained, simulator: Simulator) -> Path:
    """Where a compression with these inputs keeps its progress."""
    return simulator.store.root / "resume" / content_key(simulator.key, trained.key, settings.compress)
