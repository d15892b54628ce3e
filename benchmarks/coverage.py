"""Does the interval of `wattloop estimate --precision` cover the exact energy as often as it says?

All tiles of some images are simulated once. Then the sampled estimate is run again and again with other seeds. A tile
that it draws is looked up among those instead of being simulated again; a few runs are simulated for real to prove that
it makes no difference.

    python benchmarks/coverage.py --data-root DATA --weights FILE --images 4 --runs 200
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from network import arguments, network_of, settings_of, simulator_of

from wattloop.power.sequential import StopRule
from wattloop.power.survey import Survey, Surveyed
from wattloop.power.tile_energies import TileEnergies
from wattloop.power.tile_meter import TileMeter


@dataclass(frozen=True, eq=False)
class StoredSurvey(Survey):
    """A survey whose tiles were all simulated before.

    Attributes:
        exact: what that gave.
    """

    exact: Surveyed | None = None

    def _simulated(self, wanted: list[tuple[int, list[int]]], done: float, total: float) -> list[TileEnergies]:
        assert self.exact is not None
        stored = [tiles for layer in self.exact.layers for tiles in layer]
        found = []
        for place, numbers in wanted:
            stratum = self._strata[place][1].stratum(numbers)
            at = np.searchsorted(stored[place].stratum.chosen, stratum.chosen)
            found.append(replace(stored[place], stratum=stratum, values=stored[place].values[at]))
        return found


def same(one: Surveyed, other: Surveyed) -> bool:
    """Whether two surveys agree: on the tiles drawn, and on their energies but for the last bits of a sum."""
    pairs = [(a, b) for x, y in zip(one.layers, other.layers, strict=True) for a, b in zip(x, y, strict=True)]
    return all(a.stratum == b.stratum and np.allclose(a.values, b.values, rtol=1e-11, atol=0) for a, b in pairs)


def main(given: Sequence[str] | None = None) -> None:
    """Print the coverage."""
    parser = arguments(str(__doc__).splitlines()[0])
    parser.add_argument("--images", type=int, default=4)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--live", type=int, default=2, help="runs that are simulated for real")
    parser.add_argument("--precision", type=float, default=0.01)
    parser.add_argument("--confidence", type=float, default=0.95)
    options = parser.parse_args(given)
    settings = settings_of(options)
    simulator, network = simulator_of(settings), network_of(settings, options.images)
    hardware = settings.hardware
    meter = TileMeter(simulator.cell.netlist, hardware.array, simulator.backend, hardware.clock_ps, hardware.load)
    start = time.perf_counter()
    with simulator.progress.step("simulating all tiles") as step:
        exact = Survey(network, meter, step).fixed(None, 0, options.confidence)
    exact_s = time.perf_counter() - start
    rule = StopRule(options.precision, options.confidence)
    stored = StoredSurvey(network, meter, exact=exact)
    found = [stored.precise(rule, seed) for seed in range(options.runs)]
    start = time.perf_counter()
    live = [same(Survey(network, meter).precise(rule, seed), found[seed]) for seed in range(options.live)]
    live_s = time.perf_counter() - start
    figures: dict[str, object] = {
        "images": options.images,
        "tiles": sum(len(tiles.stratum.chosen) for layer in exact.layers for tiles in layer),
        "exact_s": exact_s,
        "runs": options.runs,
        "precision": options.precision,
        "confidence": options.confidence,
        "runs_simulated_for_real": options.live,
        "that_agree_with_the_stored_tiles": sum(live),
        "s_of_a_real_run": live_s / max(1, options.live),
    }
    for kind, whole in exact.intervals.items():
        intervals = [one.intervals[kind] for one in found]
        covered = sum(bool(one.covers(whole.total)) for one in intervals)
        errors = np.array([one.total for one in intervals]) / whole.total - 1
        figures |= {
            f"{kind}_covered": covered,
            f"{kind}_coverage": covered / options.runs,
            f"{kind}_mean_half_width": float(np.mean([one.precision for one in intervals])),
            f"{kind}_worst_half_width": float(max(one.precision for one in intervals)),
            f"{kind}_root_mean_square_error": float(np.sqrt(np.mean(errors**2))),
            f"{kind}_mean_error": float(errors.mean()),
        }
    sizes = [sum(len(tiles.stratum.chosen) for layer in one.layers for tiles in layer) for one in found]
    figures["mean_tiles_simulated"] = float(np.mean(sizes))
    print(json.dumps(figures, indent=2))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
