"""Characterisation: the energy of every weight value on transitions sampled from a layer (paper section 3.1)."""

from __future__ import annotations

import importlib.metadata
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from wattloop.activity.backend import ActivityBackend
from wattloop.activity.drive import switching_nets
from wattloop.activity.result import Activity
from wattloop.activity.sources import mac_pairs
from wattloop.arith.transitions import TransitionModel
from wattloop.gates.netlist import Netlist
from wattloop.gates.spec import MacSpec
from wattloop.parallel import SERIAL, Constant, Workers
from wattloop.power.effort import UNUSED, Effort
from wattloop.power.energy import EnergyModel
from wattloop.power.energy_table import ORIGINS, EnergyTable
from wattloop.power.layer_use import LayerUse
from wattloop.power.tally import Tally
from wattloop.power.weight_load import at_rest

Float = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]
Progress = Callable[[int, int], None]

# Bounds the memory of one call of the backend: its vectors, and the counts of its groups.
_VECTORS_AT_ONCE = 1 << 21
_GROUPS_AT_ONCE = 4096


def characterize(  # noqa: PLR0913 - each is an independent choice of the user
    netlist: Netlist,
    mac: MacSpec,
    statistics: TransitionModel,
    *,
    backend: ActivityBackend,
    effort: Effort | None = None,
    use: LayerUse | None = None,
    clock_ps: float = 200.0,
    load: str = "typical",
    model: EnergyModel | None = None,
    workers: Workers = SERIAL,
    progress: Progress | None = None,
) -> EnergyTable:
    """Energy of one MAC cycle for every weight value.

    Each weight and class of rows has its own pairs, drawn from a generator that depends on the seed, the round and
    these two only; equal arguments give the same pairs, and so the same toggles, on every backend and with any number
    of workers.

    Args:
        netlist: the cell's netlist.
        mac: its spec.
        statistics: the layer's transitions.
        backend: who measures activity.
        effort: how much is sampled.
        use: how the layer uses the weights, whose mean activity the toggles are priced at; None takes all weights as
            equally frequent, and cells as moving all the time.
        clock_ps: clock period.
        load: capacitance convention.
        model: the netlist's energy model, if it is at hand already; then clock and convention are its own.
        workers: who does the work.
        progress: called with (done, total) weights of a round, perhaps from another thread.

    Raises:
        StimulusError, AnnotationError: the netlist is not of this spec, or was not covered.
    """
    effort, model = effort or Effort(), model or EnergyModel(netlist, clock_ps, load)
    weights, shares = np.array(mac.weight_values, dtype=np.int64), statistics.shares
    tally = Tally(len(weights), shares, effort.batches, len(netlist.nets))
    sampler = _Sampler(netlist, mac, statistics, backend, effort, workers)
    rest = backend.measure(netlist, at_rest(mac))
    usage, moving = _usage(use, weights, statistics)
    loading = 0.0 if use is None else use.load_density(len(netlist.nets))
    pending, prices, static = np.arange(len(weights)), dict[str, Float](), dict[str, Float]()
    for number, pairs in enumerate(effort.rounds()):
        for which, row_class, activity in sampler.round(weights, pending, pairs, number):
            tally.add(which, row_class, activity)
            if progress is not None:
                progress(int(which[-1]) + 1, len(weights))
        if number == 0:  # later pairs move the mean activity by next to nothing
            by_weight, mean = tally.rates(rest, usage, moving, rest.high / rest.transitions)
            prices = model.prices_fj(replace(mean, density=mean.density + loading))
            static = model.columns_fj(by_weight)
            tally.price(prices)
        pending = effort.pending(tally, usage.sum(axis=1))
        if not pending.size:
            break
    provenance = _sampled(statistics, mac, effort, tally) | _measured(netlist, model, rest)
    return _table(weights, statistics, tally, netlist.nets, prices, static, provenance)


def _table(
    weights: Int64,
    statistics: TransitionModel,
    tally: Tally,
    nets: tuple[str, ...],
    prices: Mapping[str, Float],
    static: Mapping[str, Float],
    provenance: Mapping[str, str],
) -> EnergyTable:
    return EnergyTable(
        weights=weights,
        class_columns=tally.class_columns(prices),
        static_columns={name: static[name] for name in ORIGINS if name not in prices},
        batch_fj=tally.batch_fj,
        shares=statistics.shares,
        class_of_row=statistics.class_of_row,
        pairs=tally.pairs.sum(axis=1),
        toggles=tally.toggles,
        nets=nets,
        prices=prices,
        provenance=provenance,
    )


@dataclass(frozen=True)
class _Sampler:
    netlist: Netlist
    mac: MacSpec
    statistics: TransitionModel
    backend: ActivityBackend
    effort: Effort
    workers: Workers

    def round(self, weights: Int64, pending: Int64, pairs: int, number: int) -> Iterator[tuple[Int64, int, Activity]]:
        """Indices of weights, class of rows, and their activity, part by part."""
        parts = list(self._parts(pending, pairs))
        shared = Constant((self.netlist, self.mac, self.statistics, self.backend, self.effort))
        units = ((shared, weights[which], row_class, count, number) for which, row_class, count in parts)
        for (which, row_class, _), activity in zip(parts, self.workers.map(_measure, units), strict=True):
            yield which, row_class, activity

    def _parts(self, pending: Int64, pairs: int) -> Iterator[tuple[Int64, int, int]]:
        """Indices of weights, class of rows and pairs of each batch."""
        batches = self.effort.batches
        for row_class, share in enumerate(self.statistics.shares.tolist()):
            per_batch = max(1, -int(-share * pairs // batches))
            at_once = max(1, min(_VECTORS_AT_ONCE // (2 * per_batch), _GROUPS_AT_ONCE) // batches)
            for first in range(0, len(pending), at_once):
                yield pending[first : first + at_once], row_class, per_batch


def _measure(
    shared: tuple[Netlist, MacSpec, TransitionModel, ActivityBackend, Effort],
    weights: Int64,
    row_class: int,
    per_batch: int,
    number: int,
) -> Activity:
    """Draw pairs of some weights on rows of a class, and count: groups are weights times batches."""
    netlist, mac, statistics, backend, effort = shared
    layer, low = zlib.crc32(statistics.layer.encode()), -(1 << (mac.weight_bits - 1))
    # Layers must not share their random numbers, or the errors of a network's layers would not be independent.
    keys = [[effort.seed, layer, weight - low, row_class, number] for weight in weights.tolist()]
    rngs = [np.random.default_rng(key) for key in keys]
    pairs = statistics.sample_rows(effort.batches * per_batch, rngs, row_class)
    a_from, a_to, p_from, p_to = (part.reshape(-1, per_batch) for part in pairs)
    activations, psums = np.stack([a_from, a_to], axis=1), np.stack([p_from, p_to], axis=1)
    return backend.measure(netlist, mac_pairs(mac, np.repeat(weights, effort.batches), activations, psums))


def _usage(use: LayerUse | None, weights: Int64, statistics: TransitionModel) -> tuple[Float, float]:
    """Weight of each value and class of rows in the mean, and the share of cycles in which cells move."""
    everything = np.broadcast_to(statistics.shares / len(weights), (len(weights), len(statistics.shares)))
    if use is None:
        return everything, 1.0
    counts = use.counts(weights, statistics.class_of_row, len(statistics.shares))
    return (1 - UNUSED) * counts / counts.sum() + UNUSED * everything, use.moving


def _sampled(statistics: TransitionModel, mac: MacSpec, effort: Effort, tally: Tally) -> dict[str, str]:
    """Provenance of the sampling."""
    return {
        "layer": statistics.layer,
        "spec": mac.module_name,
        "statistics": statistics.key,
        "statistics kind": statistics.kind,
        "pairs": str(int(tally.pairs.sum(axis=1).max())),
        "batches": str(effort.batches),
        "precision": "" if effort.precision is None else f"{effort.precision:g}",
        "seed": str(effort.seed),
    }


def _measured(netlist: Netlist, model: EnergyModel, activity: Activity) -> dict[str, str]:
    """Provenance of the figures: what was simulated, by whom, and how toggles became energy."""
    wanted = switching_nets(netlist)
    return {
        "accounting": "functional" if activity.glitches is None else "datapath",
        "library": netlist.library.name,
        "backend": activity.backend,
        "annotated": f"{len(set(activity.annotated) & set(wanted))} of {len(wanted)} nets",
    } | pricing_facts(netlist, model)


def pricing_facts(netlist: Netlist, model: EnergyModel) -> dict[str, str]:
    """Provenance of what is known before anything is simulated: whose toggles, and how they become energy."""
    return {
        "netlist": netlist.digest,
        "library_sha256": netlist.library.sha256,
        "convention": model.convention,
        "load": model.load,
        "clock_ps": f"{model.clock_ps:.12g}",
        "wattloop": importlib.metadata.version("wattloop"),
    }
