"""Silicon safety: which transitions of real tiles settle too late, by PE, cycle and value.

The whole cell is simulated with the real activations, weights and partial sums of a tile, loading included: the check
that a bound holds where the hardware meets it, and not only in the model that chose the weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wattloop.activity.bitparallel.engine import Engine
from wattloop.activity.tiles import TileRun
from wattloop.errors import ConfigError, StimulusError
from wattloop.gates.spec import ArraySpec, MacSpec
from wattloop.timing.tile_views import Index, View, views

Float = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]
Progress = Callable[[int, int], None]

# What is told of a transition: where and when, how late, and between which values.
COLUMNS = (
    *("tile", "row", "col", "cycle", "settling_ps", "weight_before", "weight"),
    *("activation_from", "activation_to", "psum_from", "psum_to"),
)
_LANES_AT_ONCE = 1 << 21  # bounds the memory of one batch of tiles: some twenty bytes a cell and step


@dataclass(frozen=True, eq=False)
class TileTiming:
    """When the cells of the array settle during real tiles.

    Attributes:
        bound_ps: what was allowed.
        latest_ps: the latest settling time of all.
        late: transitions that settle after the bound, over all tiles and PEs, each PE's counted.
        late_by_pe: the same by PE, shape (rows, cols).
        latest_by_pe_ps: the latest settling time of each PE, shape (rows, cols).
        listed: the latest of the late transitions, by column of `COLUMNS`; `cycle` counts as `golden.PeStreams` does,
            from the idle cycle before the tile.
        tiles: tiles that were simulated.
        vectors: transitions that were simulated; a PE that sees the same as another is simulated once.
    """

    bound_ps: float
    latest_ps: float
    late: int
    late_by_pe: Int64
    latest_by_pe_ps: Float
    listed: Mapping[str, Float]
    tiles: int
    vectors: int

    @property
    def safe(self) -> bool:
        """No transition settles after the bound."""
        return self.late == 0


def late_transitions(
    engine: Engine,
    spec: ArraySpec,
    tiles: Sequence[TileRun],
    bound_ps: float,
    *,
    most: int = 1000,
    progress: Progress | None = None,
) -> TileTiming:
    """Simulate tiles with delays and report what settles after the bound; idle PEs count, too.

    Args:
        engine: the cell's netlist with delays; time it as the profile was, so that both speak of the same delays.
        spec: the array.
        tiles: all of one shape.
        bound_ps: latest allowed settling time after the clock edge: the period less the set-up time, or less.
        most: how many late transitions are listed; all are counted.
        progress: called with (done, total) tiles.

    Raises:
        ConfigError: the engine has no delays.
        StimulusError: no tile, tiles of several shapes, or values that the cell does not take.
    """
    if engine.steps is None:
        raise ConfigError("the engine has no delays: give it a Timing")
    if len({tile.shape for tile in tiles}) != 1:
        raise StimulusError(f"{len(tiles)} tiles: give at least one, and all of one shape")
    found = _Found(spec, bound_ps, engine.steps.step_ps, most)
    for first, some in _batches(spec, tiles):
        for view in views(engine, spec, some):
            found.add(view, engine.settling_steps(view.stimulus), first)
        if progress is not None:
            progress(first + len(some), len(tiles))
    return found.timing(len(tiles))


def _batches(spec: ArraySpec, tiles: Sequence[TileRun]) -> Iterator[tuple[int, Sequence[TileRun]]]:
    at_once = max(1, _LANES_AT_ONCE // (spec.rows * spec.cols * spec.cycles_of(tiles[0].shape[2])))
    for first in range(0, len(tiles), at_once):
        yield first, tiles[first : first + at_once]


class _Found:
    """What has settled when so far."""

    def __init__(self, spec: ArraySpec, bound_ps: float, step_ps: float, most: int) -> None:
        self._spec, self._bound_ps, self._step_ps, self._most = spec, bound_ps, step_ps, most
        self._late = np.zeros((spec.rows, spec.cols), np.int64)
        self._latest = np.zeros((spec.rows, spec.cols), np.float64)
        self._listed = {name: np.zeros(0) for name in COLUMNS}
        self._vectors = 0

    def add(self, view: View, steps: npt.NDArray[np.uint16], first_tile: int) -> None:
        """Settling steps (groups, steps, lanes) of a view of tiles from `first_tile` on."""
        groups, lanes = (values.ravel() for values in np.indices((steps.shape[0], steps.shape[2])))
        seen = view.cells(groups, lanes)
        np.maximum.at(self._latest, (seen.row, seen.col), steps.max(axis=1).ravel()[seen.entry] * self._step_ps)
        self._vectors += view.stimulus.groups * view.stimulus.transitions
        group, step, lane = np.nonzero(steps * self._step_ps > self._bound_ps)
        if len(group):
            self._tell(view, (group, step, lane), steps[group, step, lane].astype(float) * self._step_ps, first_tile)

    def _tell(self, view: View, place: tuple[Index, Index, Index], settling_ps: Float, first_tile: int) -> None:
        """Count late transitions and list the latest of them."""
        group, step, lane = place
        cells = view.cells(group, lane)
        np.add.at(self._late, (cells.row, cells.col), 1)
        kept = np.argsort(-settling_ps[cells.entry], kind="stable")[: self._most]
        entry = cells.entry[kept]
        where = {
            "tile": first_tile + view.tile[group[entry]],
            "row": cells.row[kept],
            "col": cells.col[kept],
            "cycle": view.first + step[entry] + cells.delay[kept],
            "settling_ps": settling_ps[entry],
        }
        told = where | _values(self._spec.mac, view, group[entry], step[entry], lane[entry])
        joined = {name: np.concatenate([self._listed[name], told[name]]) for name in COLUMNS}
        order = np.argsort(-joined["settling_ps"], kind="stable")[: self._most]
        self._listed = {name: values[order] for name, values in joined.items()}

    def timing(self, tiles: int) -> TileTiming:
        late, latest = int(self._late.sum()), float(self._latest.max())
        return TileTiming(self._bound_ps, latest, late, self._late, self._latest, self._listed, tiles, self._vectors)


def _values(mac: MacSpec, view: View, group: Index, step: Index, lane: Index) -> dict[str, Int64]:
    """What the cell holds and sees before and after each transition."""
    stimulus = view.stimulus

    def value(name: str, at: Index) -> Int64:
        whole = np.broadcast_to(stimulus.signals[name], stimulus.shape)
        return np.asarray(whole[group, at, lane], np.int64)

    return {
        "weight_before": mac.weight_of_code(value("w_q", step - 1)),
        "weight": mac.weight_of_code(value("w_q", step)),
        "activation_from": value("a_i", step - 1),
        "activation_to": value("a_i", step),
        "psum_from": value("p_i", step - 1),
        "psum_to": value("p_i", step),
    }
