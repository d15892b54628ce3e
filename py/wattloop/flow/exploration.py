"""The same layers on many cells: from a list of templates to area, timing and energy side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from wattloop import parallel
from wattloop.arith.layer import LayerTrace
from wattloop.compression.one_shot import one_shot
from wattloop.errors import ConfigError, LibertyError, ModelError
from wattloop.flow.hardware import build_hardware, is_built
from wattloop.flow.inputs import check_inputs
from wattloop.flow.pricing import Candidate
from wattloop.flow.progress import SILENT, Progress
from wattloop.flow.reporting import report
from wattloop.flow.settings import HardwareSettings, Settings
from wattloop.flow.simulator import Simulator
from wattloop.flow.training import Trained, trained_network
from wattloop.flow.training_stages import own_model
from wattloop.gates.libraries import resolve
from wattloop.gates.spec import ArraySpec, MacSpec
from wattloop.gates.synthesis import can_build
from wattloop.gates.templates import chosen as chosen_templates
from wattloop.gates.templates import templates
from wattloop.power.exploration import Exploration, rank_correlations
from wattloop.runs import Run
from wattloop.store import Store, content_key

if TYPE_CHECKING:
    from wattloop.nn.models import FloatNetwork
    from wattloop.nn.network import QuantizedNetwork

EXPLORATION = "exploration"
REFERENCE, ALL = "reference", "all"

Int8 = npt.NDArray[np.int8]


def explore_flow(
    settings: Settings, run: Run, *, store: Store | None = None, progress: Progress = SILENT
) -> Exploration:
    """Price the layers on every template and on a user's cell; the run gets the figures, the tables and the report.

    Args:
        settings: the network and its data, the array, the library and the clock, and `explore`.
        run: where results go.
        store: cache.
        progress: told of every step.

    Raises:
        SpecError: an unknown template.
        ModelError: an unknown layer.
        LibertyError: the library cannot build one of the cells.
    """
    check_inputs(settings, progress)
    cells = _cells(settings, progress)
    # One network for all cells: that of the cell which holds every weight.
    plain = replace(settings, hardware=replace(settings.hardware, array=ArraySpec(), own_mac=None))
    trained = trained_network(plain, store=store, progress=progress)
    traces = _traced(settings, trained)
    pairs = list(zip(traces, _compressed(settings, trained, traces), strict=True))
    candidates = _synthesised(settings, cells, store or Store(), progress)
    found = [candidate.explored(pairs, progress) for candidate in candidates]
    exploration = Exploration(
        templates=tuple(candidate.figures(traces) for candidate in candidates),
        energies=tuple(row for rows, _ in found for row in rows),
        ranks=rank_correlations({c.name: curve for c, (_, curve) in zip(candidates, found, strict=True)}),
        reference=_reference(settings, trained, traces),
    )
    exploration.save(run.folder / EXPLORATION)
    run.facts |= exploration.reference
    report(run, progress)
    return exploration


def _cells(settings: Settings, progress: Progress) -> Mapping[str, MacSpec]:
    """The templates asked for, and the cells that the settings spell out; of all templates those that can be built."""
    own, names = settings.explore.cells, settings.explore.templates
    brought = settings.hardware.own_mac
    for key, given in (("explore.cells", own), ("hardware.own_mac.module", {brought.module} if brought else {})):
        if taken := sorted(given & templates().keys()):
            raise ConfigError(f"{key}: {', '.join(taken)} is the name of a template: choose another one")
    if brought and brought.module in own:
        raise ConfigError(f"explore.cells: {brought.module} is the module of hardware.own_mac: choose another name")
    wanted = {**(chosen_templates(names) if names else {}), **own}
    library = resolve(settings.hardware.library)
    missing = [name for name, cell in wanted.items() if not can_build(cell, library)]
    named = [name for name in missing if name in own or name in names]
    if named:
        raise LibertyError(f"library {library.name} has no clock gating cell, which {', '.join(named)} needs")
    if missing:
        progress.tell(f"library {library.name} has no clock gating cell: left out {', '.join(missing)}")
    return {name: cell for name, cell in wanted.items() if name not in missing}


def _traced(settings: Settings, trained: Trained) -> list[LayerTrace]:
    """The layers asked for, on the first test images."""
    from wattloop.nn.trace import trace

    network = trained.network
    convolutions = [name for name, layer in network.layers.items() if layer.kind == "conv"]
    names: list[str] = []
    for wanted in settings.explore.layers:
        # The second convolution, because the first sees raw pixels.
        known = {ALL: convolutions, REFERENCE: convolutions[:2][-1:]}.get(wanted, [wanted])
        names += [name for name in known if name not in names]
    unknown = [name for name in names if name not in network.layers]
    if unknown or not names:
        raise ModelError(
            f"the network has no layer {', '.join(unknown) or 'of the kind asked for'};"
            f" it has {', '.join(network.layers)}"
        )
    return trace(network, trained.dataset.test.images[: settings.explore.images], layers=names)


def _compressed(settings: Settings, trained: Trained, traces: Sequence[LayerTrace]) -> list[LayerTrace]:
    """The layers of the compressed network on the same images, or pruned and mapped here, on the same inputs."""
    chosen = settings.explore
    if chosen.compressed is not None:
        network = load_compressed(Path(chosen.compressed), own_model(settings.network))
        network.array_signed = trained.network.array_signed
        return _traced_alike(network, trained, traces)
    weights = [one_shot(trace.layer.weight, chosen.prune, chosen.values) for trace in traces]
    return [_with(trace, weight) for trace, weight in zip(traces, weights, strict=True)]


def load_compressed(path: Path, model: FloatNetwork | None = None) -> QuantizedNetwork:
    """The network of a checkpoint, made from `model` where that is the user's own."""
    from wattloop.nn.checkpoint import load

    return load(path, model)


def _traced_alike(network: QuantizedNetwork, trained: Trained, traces: Sequence[LayerTrace]) -> list[LayerTrace]:
    """The same layers of another network on the same images.

    Raises:
        ModelError: it lacks one, or one has another shape.
    """
    from wattloop.nn.trace import trace

    names = [one.layer.name for one in traces]
    missing = [name for name in names if name not in network.layers]
    found = [] if missing else trace(network, trained.dataset.test.images[: traces[0].images], layers=names)
    shapes = [(one.layer.kind, one.layer.geometry) for one in traces]
    wrong = missing or [
        one.layer.name
        for one, shape in zip(found, shapes, strict=True)
        if (one.layer.kind, one.layer.geometry) != shape
    ]
    if wrong:
        raise ModelError(f"explore.compressed is another network: its layer {wrong[0]} is missing or of another shape")
    return found


def _with(trace: LayerTrace, weight: Int8) -> LayerTrace:
    return replace(trace, layer=replace(trace.layer, weight=weight))


def _reference(settings: Settings, trained: Trained, traces: Sequence[LayerTrace]) -> dict[str, str]:
    hardware, chosen = settings.hardware, settings.explore
    made = f"{chosen.prune:.0%} pruned, {chosen.values} values, one shot"
    if chosen.compressed is not None:
        made = f"checkpoint {content_key(Path(chosen.compressed).read_bytes())}"
    return {
        "network": f"{settings.network.title} on {settings.network.dataset_title}",
        "network key": trained.key,
        "layers": ", ".join(trace.layer.name for trace in traces),
        "images": str(traces[0].images),
        "ranks of weights on": traces[-1].layer.name,
        "tiles of a layer": str(chosen.tiles),
        "compressed": made,
        "array": f"{hardware.array.rows}x{hardware.array.cols}, {hardware.array.pixels} pixels",
        "library": hardware.library,
        "clock_ps": f"{hardware.clock_ps:g}",
        "load convention": hardware.load,
        "simulator": chosen.simulator,
        "seed": str(chosen.seed),
    }


def _synthesised(settings: Settings, cells: Mapping[str, MacSpec], store: Store, progress: Progress) -> list[Candidate]:
    """Every cell in gates; they are synthesised side by side."""
    base, chosen = settings.hardware, settings.explore
    hardware = {name: base.with_cell(cell) for name, cell in cells.items()}
    if base.own_mac is not None:
        hardware[base.own_mac.module] = base
    _synthesise([one for one in hardware.values() if not is_built(one, store)], store, progress)
    characterize = replace(settings.characterize, simulator=chosen.simulator)
    estimate = replace(settings.estimate, tiles=chosen.tiles, seed=chosen.seed)
    return [
        Candidate(name, Simulator(one, characterize, estimate, store), settings.explore.mapped)
        for name, one in hardware.items()
    ]


def _synthesise(missing: Sequence[HardwareSettings], store: Store, progress: Progress) -> None:
    """Put cells into the cache, a core for each: choosing among a cell's candidates takes as long as Yosys."""
    if not missing:
        return
    with progress.step(f"synthesising {len(missing)} cells") as step, parallel.processes(0) as workers:
        for done, _ in enumerate(workers.map(_build, [(one, store) for one in missing]), start=1):
            step(done, len(missing))


def _build(hardware: HardwareSettings, store: Store) -> None:
    build_hardware(hardware, store=store)
