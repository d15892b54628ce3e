"""Characterisation: the energy of every weight value on transitions sampled from a layer (paper section 3.1)."""

from __future__ import annotations

import importlib.metadata
import zlib
from collections.abc import Callable
from typing import Protocol

import numpy as np
import numpy.typing as npt

from wattloop.activity.backend import ActivityBackend
from wattloop.activity.drive import switching_nets
from wattloop.activity.result import Activity
from wattloop.activity.sources import mac_pairs
from wattloop.errors import ConfigError
from wattloop.gates.netlist import Netlist
from wattloop.gates.spec import MacSpec
from wattloop.power.energy import EnergyModel
from wattloop.power.energy_table import DYNAMIC, ORIGINS, EnergyTable

Float = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]
Progress = Callable[[int, int], None]

# Bounds the memory of one call of the backend (three arrays of eight bytes a vector).
_VECTORS_AT_ONCE = 1 << 21


class TransitionStatistics(Protocol):
    """What characterisation needs of `arith.statistics.LayerStatistics`."""

    @property
    def layer(self) -> str:
        """Name of the layer."""

    @property
    def key(self) -> str:
        """Content key."""

    def sample(self, count: int, rng: np.random.Generator) -> tuple[Int64, Int64, Int64, Int64]:
        """Independent pairs (a_from, a_to, p_from, p_to), each of shape (count,)."""


def characterize(  # noqa: PLR0913 - each is an independent choice of the user
    netlist: Netlist,
    mac: MacSpec,
    statistics: TransitionStatistics,
    *,
    backend: ActivityBackend,
    pairs: int = 2000,
    batches: int = 8,
    seed: int = 0,
    clock_ps: float = 200.0,
    load: str = "typical",
    progress: Progress | None = None,
) -> EnergyTable:
    """Energy of one MAC cycle for every weight value.

    Each weight has its own pairs, drawn from a generator that depends on the seed and the weight only; equal arguments
    give the same pairs, and so the same toggles, on every backend.

    Args:
        netlist: the cell's netlist.
        mac: its spec.
        statistics: the layer's transitions.
        backend: who measures activity.
        pairs: transitions a weight, rounded up to a multiple of `batches`.
        batches: parts of the pairs, whose spread gives the standard error; at least 2.
        seed: of the sampling.
        clock_ps: clock period.
        load: capacitance convention.
        progress: called with (done, total) weights, perhaps from another thread.

    Raises:
        ConfigError: fewer than 2 batches or 1 pair.
        StimulusError, AnnotationError: the netlist is not of this spec, or was not covered.
    """
    if batches < 2 or pairs < 1:
        raise ConfigError(f"pairs = {pairs}, batches = {batches}: at least 1 pair and 2 batches are needed")
    weights = np.array(mac.weight_values, dtype=np.int64)
    per_batch = -(-pairs // batches)
    model = EnergyModel(netlist, clock_ps, load)
    at_once = max(1, _VECTORS_AT_ONCE // (2 * per_batch * batches))
    parts = []
    for first in range(0, len(weights), at_once):
        part = weights[first : first + at_once]
        activations, psums = _draw(statistics, part + (1 << (mac.weight_bits - 1)), seed, batches, per_batch)
        stimulus = mac_pairs(mac, np.repeat(part, batches), activations, psums)
        report = _weights_done(progress, first, batches, len(weights))
        activity = backend.measure(netlist, stimulus, progress=report)
        parts.append((model.columns_fj(activity), activity))
    return _table(netlist, mac, statistics, model, weights, parts, batches, seed)


def _draw(
    statistics: TransitionStatistics, indices: Int64, seed: int, batches: int, per_batch: int
) -> tuple[Int64, Int64]:
    """Activations and partial sums of the pairs, each of shape (weights * batches, 2, per_batch)."""
    drawn = []
    for index in indices:
        # Layers must not share their random numbers, or the errors of a network's layers would not be independent.
        rng = np.random.default_rng([seed, zlib.crc32(statistics.layer.encode()), int(index)])
        a_from, a_to, p_from, p_to = statistics.sample(batches * per_batch, rng)
        drawn.append(np.stack([a_from, a_to, p_from, p_to]).reshape(2, 2, batches, per_batch))
    pairs = np.stack(drawn)  # (weights, signal, end, batches, per_batch)
    ordered = np.moveaxis(pairs, (1, 3), (0, 2)).reshape(2, -1, 2, per_batch)
    return ordered[0], ordered[1]


def _weights_done(progress: Progress | None, first: int, batches: int, total: int) -> Progress | None:
    if progress is None:
        return None
    return lambda done, _: progress(first + done // batches, total)


def _table(
    netlist: Netlist,
    mac: MacSpec,
    statistics: TransitionStatistics,
    model: EnergyModel,
    weights: Int64,
    parts: list[tuple[dict[str, Float], Activity]],
    batches: int,
    seed: int,
) -> EnergyTable:
    by_batch = {name: np.concatenate([columns[name] for columns, _ in parts]).reshape(-1, batches) for name in ORIGINS}
    toggles = np.concatenate([activity.toggles for _, activity in parts])
    sampled = {
        "layer": statistics.layer,
        "spec": mac.module_name,
        "statistics": statistics.key,
        "pairs": str(parts[0][1].transitions * batches),
        "batches": str(batches),
        "seed": str(seed),
    }
    return EnergyTable(
        weights=weights,
        columns={name: values.mean(axis=1) for name, values in by_batch.items()},
        batch_dynamic_fj=np.asarray(sum(by_batch[name] for name in DYNAMIC)),
        toggles=toggles.reshape(len(weights), batches, -1).sum(axis=1),
        nets=netlist.nets,
        provenance=sampled | _measured(netlist, model, parts[0][1]),
    )


def _measured(netlist: Netlist, model: EnergyModel, activity: Activity) -> dict[str, str]:
    """Provenance of the figures: what was simulated, by whom, and how toggles became energy."""
    wanted = switching_nets(netlist)
    return {
        "accounting": "functional" if activity.glitches is None else "datapath",
        "netlist": netlist.digest,
        "library": netlist.library.name,
        "library_sha256": netlist.library.sha256,
        "convention": model.convention,
        "load": model.load,
        "clock_ps": f"{model.clock_ps:g}",
        "backend": activity.backend,
        "annotated": f"{len(set(activity.annotated) & set(wanted))} of {len(wanted)} nets",
        "wattloop": importlib.metadata.version("wattloop"),
    }
