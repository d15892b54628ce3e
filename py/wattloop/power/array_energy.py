"""Where and when a tile's energy goes: by cell of the array, and by phase."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wattloop.activity.backend import ActivityBackend
from wattloop.activity.tiles import Part, TileRun, measure_phases, measure_tiles
from wattloop.gates.spec import ArraySpec
from wattloop.power.energy import EnergyModel
from wattloop.power.energy_table import DYNAMIC, ORIGINS
from wattloop.power.oracle import EnergyBreakdown

Float = npt.NDArray[np.float64]

_PARTS: tuple[Part, ...] = ("used", "idle")


@dataclass(frozen=True, eq=False)
class CellEnergies:
    """Energy of every cell of the array during one tile.

    Attributes:
        columns: fields of `EnergyBreakdown`, fJ over all cycles of the tile, each of shape (rows, cols).
        used: whether the tile uses the cell, likewise.
        cycles: clock cycles of the tile.
        accounting: "functional" (settled toggles) or "datapath" (glitches included).
    """

    columns: Mapping[str, Float]
    used: npt.NDArray[np.bool_]
    cycles: int
    accounting: str

    def heat_map(self, origins: Sequence[str] = DYNAMIC) -> Float:
        """fJ of each cell by the chosen origins together, shape (rows, cols)."""
        return np.asarray(sum(self.columns[name] for name in origins))

    def breakdown(self, part: Part = "used", *, cycles: str = "rtl") -> EnergyBreakdown:
        """Energy of a part of the array.

        Args:
            part: the cells that the tile uses, or the others.
            cycles: "rtl" for the energy of all cycles, "paper" for E = 2 P T with T = rows / f (its section 3.2).
        """
        chosen = self.used if part == "used" else ~self.used
        factor = paper_factor(len(self.used), self.cycles) if cycles == "paper" else 1.0
        return EnergyBreakdown(**{name: float(self.columns[name][chosen].sum()) * factor for name in ORIGINS})


def paper_factor(rows: int, cycles: int) -> float:
    """What the paper counts of a tile's energy: mean power over 2 * rows cycles instead of all.

    >>> paper_factor(64, 254)
    0.5039370078740157
    """
    return 2 * rows / cycles


def cell_energies(model: EnergyModel, backend: ActivityBackend, spec: ArraySpec, tile: TileRun) -> CellEnergies:
    """Energy of every cell over every cycle of a tile, from the activity of each cell alone.

    Raises:
        StimulusError: the tile does not fit the array.
        NetlistError: energy and netlist do not go together; see `EnergyModel`.
    """
    used = np.zeros((spec.rows, spec.cols), np.bool_)
    used[: tile.shape[0], : tile.shape[1]] = True
    whole = {name: np.zeros(used.shape) for name in ORIGINS}
    cycles, accounting = spec.cycles_of(tile.shape[2]), "functional"
    for part in _PARTS:
        cells = used if part == "used" else ~used
        if not cells.any():
            continue
        activity = measure_tiles(backend, model.netlist, spec, [tile], part=part, by="pe")
        accounting = "functional" if activity.glitches is None else "datapath"
        for name, values in model.columns_fj(activity).items():
            whole[name][cells] = values * activity.transitions
    return CellEnergies(whole, used, cycles, accounting)


def phase_energies(
    model: EnergyModel, backend: ActivityBackend, spec: ArraySpec, tiles: Sequence[TileRun], part: Part = "used"
) -> dict[str, EnergyBreakdown]:
    """Energy of a part of the array in each phase, fJ over all `tiles` together.

    Probabilities of states are those of the phase, so the phases add up to the tile but for internal and leakage power,
    which depend on them.

    Args:
        model: of the cell's netlist.
        backend: who measures.
        spec: the array.
        tiles: of one shape.
        part: the cells that the tiles use, or the others.

    Returns:
        "load", "stream", "skew" and "drain", as far as the array has them.
    """
    found = measure_phases(backend, model.netlist, spec, tiles, part=part)
    return {phase: sum(model.breakdown(activity), EnergyBreakdown()) for phase, activity in found.items()}
