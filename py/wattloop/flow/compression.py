"""From settings to a compressed network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from wattloop.errors import ConfigError
from wattloop.flow.events import Watch
from wattloop.flow.inputs import check_inputs
from wattloop.flow.progress import SILENT, Progress
from wattloop.flow.reporting import report
from wattloop.flow.resumption import resume_folder, resumption
from wattloop.flow.settings import Settings
from wattloop.flow.simulator import Simulator
from wattloop.flow.training import WEIGHT_BITS, Trained, legal_weights, trained_network
from wattloop.gates.spec import MacSpec
from wattloop.runs import Run
from wattloop.store import Store

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
    _require_whole_operands(settings.hardware.array.mac)
    with Simulator.working(settings, store=store, progress=progress) as simulator:
        run.facts |= simulator.cell.facts | {"simulator": simulator.backend.name}
        trained = trained_network(settings, store=store, progress=progress)
        run.facts["network key"] = trained.key
        with resumption(progress_folder(settings, trained, simulator)) as folder:
            result = _compress(settings, trained, simulator, progress, folder)
            result.save(run.folder / COMPRESSION)
            report(run, progress)
    return result


def _require_whole_operands(mac: MacSpec) -> None:
    """Refuse cells whose network would first have to be requantised."""
    if mac.weight_bits < WEIGHT_BITS or mac.activation_bits < WEIGHT_BITS:
        raise ConfigError(
            f"hardware.array.mac takes weights of {mac.weight_bits} and activations of {mac.activation_bits} bits:"
            " networks are compressed in 8 bits; estimate and explore take narrower cells"
        )


def _compress(
    settings: Settings, trained: Trained, simulator: Simulator, progress: Progress, folder: Path | None
) -> CompressionResult:
    from wattloop.compression.run import compress

    with progress.step("compressing") as step:
        return compress(
            trained.network,
            trained.dataset,
            simulator.tables,
            settings.compress,
            tiles=simulator.tiles,
            on_event=Watch(progress, step),
            resume=folder,
            resume_facts=simulator.key,
            legal=legal_weights(settings.hardware.array.mac),
        )


def progress_folder(settings: Settings, trained: Trained, simulator: Simulator) -> Path:
    """Where a compression with these inputs keeps its progress."""
    return resume_folder(simulator.store, simulator.key, trained.key, settings.compress)
