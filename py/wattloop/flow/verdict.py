"""`wattloop verdict`: every layer by every statistical model against the simulation of all its tiles."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from wattloop.arith.kinds import KINDS
from wattloop.arith.layer import LayerTrace
from wattloop.flow.estimation import tracer
from wattloop.flow.inputs import check_inputs
from wattloop.flow.oneshot import compressed_at_once
from wattloop.flow.progress import SILENT, Progress
from wattloop.flow.reporting import report
from wattloop.flow.settings import Settings
from wattloop.flow.simulator import Simulator
from wattloop.flow.training import trained_network
from wattloop.power.marginal import marginal_fj
from wattloop.power.oracle import LayerEnergy
from wattloop.power.table_oracle import TableOracle
from wattloop.power.verdict import Claim, LayerVerdict, NetworkVerdict, claims, judged, save_verdict, summed
from wattloop.runs import Run
from wattloop.store import Store

VERDICT = "verdict.parquet"

# Prices of toggles for the exact E_l(w) come from this model's table; those of a layer's other models are within 0.03 %
# of them, those of one model for all layers within 0.3 %.
_PRICED_BY = "joint"
_PRECISION = 0.01


@dataclass(frozen=True)
class Verdict:
    """What `wattloop verdict` tells.

    Attributes:
        layers: every layer by every model.
        networks: all convolutions by every model.
        claims: whether layer-aware statistics beat global ones.
    """

    layers: tuple[LayerVerdict, ...]
    networks: tuple[NetworkVerdict, ...]
    claims: tuple[Claim, ...]


def verdict_flow(
    settings: Settings,
    run: Run,
    *,
    oneshot: tuple[float, int] | None = None,
    layers: Sequence[str] | None = None,
    store: Store | None = None,
    progress: Progress = SILENT,
) -> Verdict:
    """Judge the tables of the settings' network on test images; the run gets `verdict.parquet`, JSON and the report.

    Tables and tiles see the same images, so that they differ by what the statistics leave out and by sampling alone.

    Args:
        settings: hardware, network and sampling; `estimate.simulator` simulates, `estimate.images` are looked at,
            `characterize.precision` is 1 % where it is None.
        run: where results go.
        oneshot: pruning ratio and number of weight values of a second network, compressed without training; its
            tables are made anew, and the first network's tables, which are stale for it, are judged, too.
        layers: names; None for all.
        store: cache.
        progress: told of every step.

    Raises:
        ModelError: no such layer.
    """
    check_inputs(settings, progress)
    chosen = settings.characterize
    precision = _PRECISION if chosen.precision is None else chosen.precision
    chosen = replace(chosen, simulator=settings.estimate.simulator, precision=precision)
    settings = replace(settings, characterize=chosen)
    trained = trained_network(settings, store=store, progress=progress)
    networks = {"int8": trained.network}
    if oneshot is not None:
        networks["compressed"] = compressed_at_once(trained.network, *oneshot)
    images = trained.dataset.test.images[: settings.estimate.images]
    rows: list[LayerVerdict] = []
    with settings.parallel.start() as workers:
        simulator = Simulator.of(settings, store=store, progress=progress, workers=workers)
        run.facts |= simulator.cell.facts | {"network key": trained.key, "simulator": simulator.backend.name}
        judge = _Judge(simulator)
        for stage, network in networks.items():
            with progress.step(f"tracing {len(images)} images"):
                traces = tracer(network, images, settings.hardware.array.mac, layers)(range(len(images)))
            rows += judge.rows(stage, traces, run.folder / "tables")
    if oneshot is not None:
        run.facts |= {"compressed at once": f"pruned {oneshot[0]:g}, {oneshot[1]} values"}
    save_verdict(rows, run.folder / VERDICT)
    found = Verdict(tuple(rows), tuple(summed(rows)), tuple(claims(rows)))
    run.write("verdict.json", json.dumps(asdict(found), indent=2) + "\n")
    report(run, progress)
    return found


class _Judge:
    """Tables of every kind, and what is exact; remembers the first network's tables."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._first: dict[str, TableOracle] = {}

    def rows(self, stage: str, traces: Sequence[LayerTrace], tables: Path) -> Iterator[LayerVerdict]:
        oracles = {name: self._tables(name, traces) for name in KINDS}
        for name, oracle in oracles.items():
            for layer, table in oracle.tables.items():
                table.save(tables / stage / name / f"{layer}.parquet")
        oracles |= {f"{name}, stale": oracle for name, oracle in self._first.items()}
        self._first = self._first or {"activity": oracles["activity"]}
        exact = replace(self._simulator.tiles(traces), tiles=None)
        for trace in traces:
            yield from self._layer(stage, trace, oracles, exact.energy(trace.layer.name, trace.layer.weight))

    def _tables(self, name: str, traces: Sequence[LayerTrace]) -> TableOracle:
        chosen = replace(self._simulator.characterize, statistics=name)
        return replace(self._simulator, characterize=chosen).tables(traces)

    def _layer(
        self, stage: str, trace: LayerTrace, oracles: dict[str, TableOracle], exact: LayerEnergy
    ) -> Iterator[LayerVerdict]:
        simulator, layer = self._simulator, trace.layer
        with simulator.progress.step(f"measuring every weight on cells of {layer.name}"):
            marginal = marginal_fj(
                simulator.cell.netlist,
                simulator.hardware.array,
                trace,
                simulator.backend,
                oracles[_PRICED_BY].tables[layer.name].prices,
                seed=simulator.estimate.seed,
            )
        for name, oracle in oracles.items():
            table = oracle.tables[layer.name]
            found = judged(
                stage,
                layer.kind,
                name,
                exact,
                oracle.energy(layer.name, layer.weight),
                table.dynamic_fj,
                marginal,
            )
            yield replace(found, pairs=int(table.pairs.max()))
