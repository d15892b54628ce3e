"""Figure 2: power of random partial-sum transitions by Hamming distance and highest bits."""

from __future__ import annotations

from wattloop.activity.bitparallel.engine import Engine, Timing
from wattloop.arith.kinds import KINDS, Sampling
from wattloop.errors import ConfigError
from wattloop.flow.hardware import build_hardware
from wattloop.flow.progress import Progress
from wattloop.flow.reproduce.profiled import profiled
from wattloop.flow.settings import Settings
from wattloop.power.energy import EnergyModel
from wattloop.power.grouping import Probe, bit_costs
from wattloop.report.reproduce import figure2
from wattloop.report.reproduce.exhibit import Exhibit
from wattloop.runs import Run
from wattloop.store import Store


def make(settings: Settings, run: Run, store: Store, progress: Progress) -> Exhibit:
    """Measure random partial sums under fixed weights, with glitches; activations are the last chosen layer's.

    Raises:
        ConfigError: the cell cannot hold one of the weights.
    """
    hardware, chosen = settings.hardware, settings.reproduce
    mac = hardware.array.mac
    missing = [weight for weight in chosen.weights if weight not in mac.weight_values]
    if missing:
        raise ConfigError(f"reproduce.weights: {mac.multiplier} cannot hold {', '.join(map(str, missing))}")
    trace = profiled(settings, run, store, progress)[-1]
    cell = build_hardware(hardware, store=store, progress=progress)
    run.facts |= cell.facts | {"simulator": "bitparallel-timed", "activations of": trace.layer.name}
    with progress.step(f"collecting the transitions of {trace.layer.name}"):
        sampling = Sampling(settings.characterize.tiles, settings.characterize.seed)
        seen = KINDS["joint"].collect((trace,), hardware.array, sampling)
    model = EnergyModel(cell.netlist, hardware.clock_ps, hardware.load)
    probe = Probe(Engine(cell.netlist, Timing()), mac, model)
    with progress.step("measuring random partial sums"):
        costs = list(bit_costs(seen, probe, weights=chosen.weights, count=chosen.transitions, seed=chosen.seed))
    return figure2.exhibit(costs, hardware.clock_ps)
