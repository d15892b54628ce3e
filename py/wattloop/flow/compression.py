"""From settings to compressed networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from wattloop.activity.backend import backend
from wattloop.arith.layer import LayerTrace
from wattloop.compression.campaign import Mapper, Profilers
from wattloop.compression.config import CompressConfig
from wattloop.compression.mapping.choose import choose_mappings
from wattloop.compression.methods import chosen
from wattloop.compression.stream import JOURNAL
from wattloop.errors import ConfigError
from wattloop.flow.estimation import tracer
from wattloop.flow.events import Watch
from wattloop.flow.inputs import check_inputs
from wattloop.flow.judging import Judge
from wattloop.flow.mapping import on_few_tiles
from wattloop.flow.mapping_settings import MappingSettings
from wattloop.flow.measure_settings import MeasureSettings
from wattloop.flow.measurement import measure
from wattloop.flow.pe_map import Stage, keep_cells
from wattloop.flow.progress import SILENT, Progress
from wattloop.flow.reporting import report
from wattloop.flow.resumption import course_key, resume_folder, resumption
from wattloop.flow.settings import HardwareSettings, Settings
from wattloop.flow.simulator import Simulator
from wattloop.flow.supply_settings import SupplySettings
from wattloop.flow.timed import Timed, timed_cell
from wattloop.flow.training import WEIGHT_BITS, Trained, legal_weights, trained_network
from wattloop.gates.spec import MacSpec
from wattloop.gates.templates import templates
from wattloop.power.oracle import IDENTITY, HardwareMapping
from wattloop.power.tile_energies import check_mapping
from wattloop.runs import Run
from wattloop.store import Store, content_key

if TYPE_CHECKING:
    from wattloop.compression.energies import NetworkEnergies
    from wattloop.compression.result import CompressionResult
    from wattloop.compression.run import Measure
    from wattloop.nn.datasets import Dataset
    from wattloop.nn.network import QuantizedNetwork

COMPRESSION = "compression"


def compress_flow(
    settings: Settings, run: Run, *, store: Store | None = None, progress: Progress = SILENT
) -> CompressionResult:
    """Compress the network of the settings; the run gets `compression/` and the report.

    A killed run goes on where it stood when the same settings are run again, and so does one whose hours were spent
    when it is given more: what it found out lies in the cache until the run is done.

    Args:
        settings: hardware, network, training, compression, measurement.
        run: where results go.
        store: cache.
        progress: told of every step and decision.
    """
    chosen(settings.compress.methods)
    check_inputs(settings, progress)
    _require_whole_operands(settings.hardware.array.mac)
    with Simulator.working(settings, store=store, progress=progress) as simulator:
        run.facts |= simulator.cell.facts | {"simulator": simulator.backend.name}
        trained = trained_network(settings, store=store, progress=progress)
        run.facts["network key"] = trained.key
        _require_fitting(trained, simulator, _mapping(settings))
        found: list[CompressionResult] = []
        with resumption(progress_folder(settings, trained, simulator), lambda: found[0].out_of_time) as folder:
            found.append(_compress(settings, trained, simulator, progress, folder))
            found[0].save(run.folder / COMPRESSION)
            _keep_cells(settings, trained, simulator, found[0], run)
            report(run, progress)
    return found[0]


def _require_whole_operands(mac: MacSpec) -> None:
    """Refuse cells whose network would first have to be requantised."""
    if mac.weight_bits < WEIGHT_BITS or mac.activation_bits < WEIGHT_BITS:
        raise ConfigError(
            f"hardware.array.mac takes weights of {mac.weight_bits} and activations of {mac.activation_bits} bits:"
            " networks are compressed in 8 bits; estimate and explore take narrower cells"
        )


def _require_fitting(trained: Trained, simulator: Simulator, mapping: MappingSettings | None) -> None:
    """Refuse an array that cannot run the network, before hours are spent.

    Its partial sums could overflow, or offsets of each channel would take registers that it does not have.
    """
    from wattloop.nn.trace import trace

    for seen in trace(trained.network, trained.dataset.train.images[:1]):
        own = mapping is not None and mapping.options.offsets == "channel"
        offsets = (0,) * seen.layer.geometry.out_channels if own and seen.layer.kind == "conv" else 0
        check_mapping(seen.layer, simulator.hardware.array, HardwareMapping(psum_offset=offsets))


def profilers(simulator: Simulator, mapping: MappingSettings | None = None, timed: Timed | None = None) -> Profilers:
    """What prices layers: tables and tiles of the simulator.

    Args:
        simulator: hardware and sampling.
        mapping: how layers are laid onto the array at less cost; None leaves them as they are.
        timed: when its cell settles; None where no delay bound is set.
    """
    bounded = () if timed is None else (timed.facts,)
    facts = content_key(simulator.key, simulator.estimate, mapping, course_key(), *bounded)
    laid = None if mapping is None else Mapper(mapping.chosen_images, lambda traces: _laid(simulator, mapping, traces))
    delays = None if timed is None else timed.profile
    return Profilers(simulator.tables, simulator.tiles, simulator.pooled.tables, facts, laid, delays)


def _profilers(settings: Settings, simulator: Simulator, timed: Timed | None) -> Profilers:
    return profilers(simulator, _mapping(settings), timed)


def _timed(settings: Settings, simulator: Simulator) -> Timed | None:
    return timed_cell(settings.compress, simulator, settings.timing)


def judging(
    dataset: Dataset,
    config: CompressConfig,
    timed: Timed | None,
    supply: SupplySettings | None = None,
    measured: MeasureSettings | None = None,
) -> Judge | None:
    """What judges networks under the delay bound of `config`; None where there is none.

    Args:
        dataset: whose test images bring the tiles.
        config: what was asked for.
        timed: the cell; None where no delay bound is set.
        supply: how far the supply falls; None for the defaults.
        measured: which tiles are timed; None for the defaults.

    Raises:
        ConfigError: no law of delay for the library.
    """
    if timed is None:
        return None
    chosen, whole = measured or MeasureSettings(), config.scope == "all"
    found = Judge(timed, config.timing.bound_ps, whole, supply or SupplySettings(), dataset.test.images, chosen)
    _ = found.law  # its complaints come before anything slow begins
    return found


def _laid(simulator: Simulator, chosen: MappingSettings, traces: Sequence[LayerTrace]) -> Mapping[str, HardwareMapping]:
    tables = simulator.tables(traces) if chosen.options.signs == "values" else None
    quick, judge = (on_few_tiles(simulator, traces, chosen, by) for by in (chosen.chooser, chosen.judge))
    with simulator.progress.step("laying layers onto the array") as step:
        return choose_mappings(traces, {}, tables, quick, chosen.options, step, judge)


def _mapping(settings: Settings) -> MappingSettings | None:
    return laying(settings.compress, settings.mapping)


def laying(config: CompressConfig, mapping: MappingSettings | None = None) -> MappingSettings | None:
    """How networks are laid onto the array; None where they are not.

    Under a delay bound no filter is negated: the negative of a weight that was kept may be one that was not.

    Args:
        config: what is asked for.
        mapping: the ways to lay them; None for the defaults.
    """
    if not config.mapped:
        return None
    found = mapping or MappingSettings()
    if not config.timing.bound_ps:
        return found
    return replace(found, options=replace(found.options, signs="none"))


def measuring(dataset: Dataset, simulator: Simulator, settings: MeasureSettings) -> Measure:
    """What measures networks on test images, as `settings` say."""

    def measured(network: QuantizedNetwork, mappings: Mapping[str, HardwareMapping]) -> NetworkEnergies:
        return measure(network, dataset.test.images[: settings.images], simulator, settings, mappings)

    return measured


def mac_name(hardware: HardwareSettings) -> str:
    """What a cell is called: its template's name, or else its module's."""
    if hardware.own_mac is not None:
        return hardware.own_mac.module
    mac = hardware.array.mac
    return next((name for name, spec in templates().items() if spec == mac), mac.module_name)


def _compress(
    settings: Settings, trained: Trained, simulator: Simulator, progress: Progress, folder: Path | None
) -> CompressionResult:
    from wattloop.compression.run import compress

    timed = _timed(settings, simulator)
    judge = judging(trained.dataset, settings.compress, timed, settings.supply, settings.measure)
    if folder is None:
        progress.tell("another process runs with these settings: should this one be killed, it starts anew")
    else:
        if (folder / JOURNAL).exists():
            progress.tell("going on where an interrupted run stood")
        progress.tell(f"decisions as they fall: {folder / JOURNAL}")
    with progress.step("compressing") as step:
        return compress(
            trained.network,
            trained.dataset,
            _profilers(settings, simulator, timed),
            settings.compress,
            measure=measuring(trained.dataset, simulator, settings.measure),
            judge=judge,
            mac=mac_name(settings.hardware),
            on_event=Watch(progress, step),
            resume=folder,
            teacher=trained.teacher,
            legal=legal_weights(settings.hardware.array.mac),
            workers=simulator.workers,
        )


def _keep_cells(settings: Settings, trained: Trained, simulator: Simulator, found: CompressionResult, run: Run) -> None:
    """The cells of a tile of the dearest layer before and after."""
    if found.network is None:
        return
    layer, mac = found.layers[0].layer, settings.hardware.array.mac
    image = trained.dataset.test.images[:1]
    before, after = (tracer(network, image, mac, [layer])([0])[0] for network in (trained.network, found.network))
    mapping = IDENTITY if found.best is None else found.points[found.best].mappings.get(layer, IDENTITY)
    stages = Stage("int8", before), Stage("compressed", after, mapping)
    keep_cells(run, simulator, backend(settings.measure.simulator), *stages)


def progress_folder(settings: Settings, trained: Trained, simulator: Simulator) -> Path:
    """Where a compression with these inputs keeps what it has found out."""
    from wattloop.compression.run import run_key

    facts = _profilers(settings, simulator, _timed(settings, simulator)).facts
    key = run_key(trained.network, trained.dataset, settings.compress, facts, trained.teacher)
    return resume_folder(simulator.store, key)
