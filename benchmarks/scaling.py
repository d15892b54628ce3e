"""How exact simulation of a network scales: over workers, and with the size of the network.

Every workplace does the same tiles, after a few to warm up, and gives the same bits. Then more and more of the network
is simulated by one process, up to a billion MACs; the last of them by sampling, too.

    python benchmarks/scaling.py --data-root DATA --weights FILE
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import numpy as np
from distributed import LocalCluster
from network import arguments, network_of, settings_of, simulator_of

from wattloop.flow.machine import forget_peak, machine, peak_rss_mb
from wattloop.parallel import SERIAL, Workers, dask, processes, threads
from wattloop.power.sequential import StopRule
from wattloop.power.survey import Survey, Surveyed, TracedNetwork
from wattloop.power.tile_meter import TileMeter


@contextmanager
def local_dask(count: int) -> Iterator[Workers]:
    """A Dask cluster of so many processes on this machine."""
    with (
        LocalCluster(n_workers=count, threads_per_worker=1, dashboard_address=":0") as cluster,
        dask(cluster.scheduler_address) as workers,
    ):
        yield workers


@contextmanager
def alone() -> Iterator[Workers]:
    """This process, whose native engine uses all cores."""
    yield SERIAL


PLACES = {
    "one process, engine on all cores": alone(),
    "1 thread": threads(1),
    "2 threads": threads(2),
    "1 process": processes(1),
    "2 processes": processes(2),
    "Dask, 1 process": local_dask(1),
    "Dask, 2 processes": local_dask(2),
}


def bits(found: Surveyed) -> bytes:
    """All energies."""
    return np.concatenate([tiles.values for layer in found.layers for tiles in layer]).tobytes()


def over_workers(network: TracedNetwork, meter: TileMeter, runs: int) -> dict[str, object]:
    """Seconds by workplace, what the second worker gains, and what is left to this process.

    The places take turns, and the best run of each counts: what else the machine does hits them alike.
    """
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in PLACES}
    seen = set()
    with ExitStack() as stack:
        surveys = {
            name: Survey(network, replace(meter, workers=stack.enter_context(place))) for name, place in PLACES.items()
        }
        for survey in surveys.values():
            survey.fixed(1, 0, 0.95)
        for name, survey in [*surveys.items()] * runs:
            start, own = time.perf_counter(), time.process_time()
            seen.add(bits(survey.fixed(None, 0, 0.95)))
            taken[name].append((time.perf_counter() - start, time.process_time() - own))
            print(f"{name}: {taken[name][-1][0]:.2f} s, {taken[name][-1][1]:.2f} s of it ours", flush=True)
    seconds = {name: min(wall for wall, _ in times) for name, times in taken.items()}
    gains = {
        "second_thread": seconds["1 thread"] / seconds["2 threads"],
        "second_process": seconds["1 process"] / seconds["2 processes"],
        "second_dask_process": seconds["Dask, 1 process"] / seconds["Dask, 2 processes"],
    }
    own_s = min(own for _, own in taken["2 processes"])
    return {"seconds": seconds, "gains": gains, "parent_cpu_s": own_s, "same_bits_everywhere": len(seen) == 1}


def over_sizes(parts: Sequence[tuple[TracedNetwork, bool]], meter: TileMeter) -> list[dict[str, object]]:
    """Seconds by MAC of ever more of a network; by sampling where that is said."""
    rows: list[dict[str, object]] = []
    for network, sampled in parts:
        macs = network.images * sum(layer.geometry.macs for layer in network.layers)
        forget_peak()
        survey = Survey(network, meter)
        survey.fixed(1, 0, 0.95)
        start, own = time.perf_counter(), time.process_time()
        found = survey.precise(StopRule(0.01), 0) if sampled else survey.fixed(None, 0, 0.95)
        taken, busy = time.perf_counter() - start, time.process_time() - own
        tiles = sum(len(part.stratum.chosen) for layer in found.layers for part in layer)
        how = "to 1 %" if sampled else "exact"
        row = {"macs": macs, "how": how, "tiles": tiles, "s": taken, "ns_per_mac": 1e9 * taken / macs}
        # What the work costs even where others are at work, too.
        rows.append(row | {"cpu_ns_per_mac": 1e9 * busy / macs, "peak_rss_mb": peak_rss_mb()})
        print(rows[-1], flush=True)
    return rows


def main(given: Sequence[str] | None = None) -> None:
    """Print the figures."""
    parser = arguments(str(__doc__).splitlines()[0])
    parser.add_argument("--runs", type=int, default=2, help="of each workplace; the best counts")
    parser.add_argument("--images", type=int, nargs="+", default=[1, 3, 25], help="for the sizes")
    parser.add_argument("--sampled", type=int, default=25, help="images for the size that is sampled")
    parser.add_argument("--no-workers", action="store_true", help="measure the sizes alone")
    parser.add_argument("--layer", default="layer2.0.conv1", help="the smallest size")
    parser.add_argument("--no-idle", action="store_true", help="leave out the cells that tiles do not use")
    options = parser.parse_args(given)
    settings = settings_of(options)
    simulator, hardware = simulator_of(settings), settings.hardware
    meter = TileMeter(
        simulator.cell.netlist,
        hardware.array,
        simulator.backend,
        hardware.clock_ps,
        hardware.load,
        idle=not options.no_idle,
    )
    figures: dict[str, object] = dict(machine())
    if not options.no_workers:
        figures |= over_workers(network_of(settings, 1), meter, options.runs)
    sizes = [(network_of(settings, 1, [options.layer]), False)]
    sizes += [(network_of(settings, images), False) for images in options.images]
    sizes += [(network_of(settings, options.sampled), True)]
    figures["sizes"] = over_sizes(sizes, meter)
    print(json.dumps(figures, indent=2))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
