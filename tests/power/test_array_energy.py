"""Energy by cell and by phase: what a tile's energy is made of, and where a hand can tell, what it must be."""

from __future__ import annotations

import numpy as np
import pytest

from wattloop.activity.backend import backend
from wattloop.activity.tiles import TileRun, measure_tiles
from wattloop.gates.libraries import resolve
from wattloop.gates.spec import ArraySpec, MacSpec
from wattloop.gates.synthesis import synthesize
from wattloop.power.array_energy import CellEnergies, cell_energies, paper_factor, phase_energies
from wattloop.power.energy import EnergyModel

SPEC = ArraySpec(rows=6, cols=5, pixels=7)
ENGINE = backend("bitparallel")


@pytest.fixture(scope="module")
def model() -> EnergyModel:
    return EnergyModel(synthesize(MacSpec(), resolve("nangate15")))


def run(seed: int = 0, *, zero_row: int | None = None) -> TileRun:
    rng = np.random.default_rng(seed)
    activations = rng.integers(1, 256, (4, 7))
    if zero_row is not None:
        activations[zero_row] = 0
    weights = rng.integers(-128, 128, (4, 3))
    return TileRun(weights, activations, before=weights)


@pytest.fixture(scope="module")
def cells(model: EnergyModel) -> CellEnergies:
    return cell_energies(model, ENGINE, SPEC, run())


def test_the_cells_switch_what_the_tile_switches(model: EnergyModel, cells: CellEnergies) -> None:
    # Switching energy is linear in toggles; internal energy goes by probabilities, which differ from cell to cell.
    for part in ("used", "idle"):
        [whole] = model.breakdown(measure_tiles(ENGINE, model.netlist, SPEC, [run()], part=part))
        mine = cells.breakdown(part)
        assert mine.comb_switching_fj == pytest.approx(whole.comb_switching_fj, rel=1e-9)
        assert mine.clock_fj == pytest.approx(whole.clock_fj, rel=0.02)
        assert mine.dynamic_fj == pytest.approx(whole.dynamic_fj, rel=0.03)


def test_the_heat_map_shows_which_cells_work(cells: CellEnergies) -> None:
    heat = cells.heat_map()
    assert heat.shape == (6, 5)
    assert heat[:4, :3].min() > 10 * heat[4:, 3:].max()  # the corner sees neither pixels nor sums
    assert (heat[:4, 3:] > heat[4:, 3:].max()).all()  # cells beside the used ones pass pixels on
    assert (heat[4:, :3] > heat[4:, 3:].max()).all()  # cells under them pass sums on
    np.testing.assert_array_equal(heat[:, 4:] > 0, True)  # load cycles reach every cell


def test_a_row_without_pixels_stays_cold(model: EnergyModel) -> None:
    warm, cold = (cell_energies(model, ENGINE, SPEC, run(zero_row=row)).heat_map()[0, :3].sum() for row in (None, 0))
    assert cold < 0.2 * warm


def test_the_paper_counts_twice_the_rows_in_cycles(cells: CellEnergies) -> None:
    assert SPEC.cycles_of(7) == 6 + 7 + 5 + 4 == cells.cycles
    rtl, paper = cells.breakdown(), cells.breakdown(cycles="paper")
    assert paper.total_fj == pytest.approx(rtl.total_fj * 12 / 22)
    assert paper_factor(64, 254) == 128 / 254


def test_the_phases_of_a_tile_switch_what_the_tile_switches(model: EnergyModel, cells: CellEnergies) -> None:
    phases = phase_energies(model, ENGINE, SPEC, [run()])
    assert tuple(phases) == ("load", "stream", "skew", "drain")
    whole = cells.breakdown()
    assert sum(p.comb_switching_fj for p in phases.values()) == pytest.approx(whole.comb_switching_fj, rel=1e-9)
    assert sum(p.total_fj for p in phases.values()) == pytest.approx(whole.total_fj, rel=0.03)


def test_leakage_follows_the_cycles_of_a_phase_and_pixels_its_work(model: EnergyModel) -> None:
    phases = phase_energies(model, ENGINE, SPEC, [run()])
    cycles = {"load": 6, "stream": 7, "skew": 5, "drain": 4}
    rates = [phases[name].leakage_fj / n for name, n in cycles.items()]
    assert max(rates) < 1.2 * min(rates)
    # The old weights are the new ones, so that loading moves the bus alone.
    assert phases["load"].dynamic_fj < 0.3 * phases["stream"].dynamic_fj


def test_two_tiles_cost_what_each_of_them_costs(model: EnergyModel) -> None:
    one, two = run(1), run(2)
    both = phase_energies(model, ENGINE, SPEC, [one, two])["stream"]
    alone = [phase_energies(model, ENGINE, SPEC, [tile])["stream"] for tile in (one, two)]
    assert both.total_fj == pytest.approx(sum(part.total_fj for part in alone))


def test_glitches_are_in_where_the_backend_sees_them(model: EnergyModel) -> None:
    timed = cell_energies(model, backend("bitparallel-timed"), SPEC, run())
    settled = cell_energies(model, ENGINE, SPEC, run())
    assert (timed.accounting, settled.accounting) == ("datapath", "functional")
    assert (timed.heat_map()[:4, :3] > settled.heat_map()[:4, :3]).all()
