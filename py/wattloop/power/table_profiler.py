"""From traces to tables: collect statistics of a kind, characterise every weight value on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from wattloop.activity.backend import ActivityBackend
from wattloop.arith.kinds import KINDS, Sampling, SavedModel, Scope, StatisticsKind
from wattloop.arith.layer import LayerTrace
from wattloop.arith.transitions import TransitionModel
from wattloop.gates.netlist import Netlist
from wattloop.gates.spec import ArraySpec
from wattloop.parallel import SERIAL, Workers
from wattloop.power.characterize import characterize
from wattloop.power.effort import Effort
from wattloop.power.energy import EnergyModel
from wattloop.power.energy_table import EnergyTable
from wattloop.power.layer_use import LayerUse
from wattloop.power.table_oracle import TableOracle
from wattloop.power.weight_load import LoadTable


@dataclass(frozen=True, eq=False)
class TableProfiler:
    """Builds a `TableOracle` from traces; implements `Profiler`.

    Attributes:
        netlist: the cell in gates.
        spec: the array.
        backend: who measures activity.
        kind: how transitions are modelled.
        effort: how much is sampled.
        tiles: tiles of a layer that statistics are collected from, None for all.
        loads: toggles of loading weights; None leaves loading out.
        clock_ps: clock period.
        load: capacitance convention.
        workers: who does the work.
        progress: called with (done, total) weight values of a round.
    """

    netlist: Netlist
    spec: ArraySpec
    backend: ActivityBackend
    kind: StatisticsKind = KINDS["activity"]
    effort: Effort = field(default_factory=Effort)
    tiles: int | None = None
    loads: LoadTable | None = None
    clock_ps: float = 200.0
    load: str = "typical"
    workers: Workers = SERIAL
    progress: Callable[[int, int], None] | None = None

    def __call__(self, traces: Sequence[LayerTrace]) -> TableOracle:
        """Tables of all layers.

        Raises:
            OverflowRangeError: a layer does not fit the array's partial sums.
        """
        tables: dict[str, EnergyTable] = {}
        for scope in self.kind.scopes(traces):
            tables |= dict.fromkeys((trace.layer.name for trace in scope), self.table(scope))
        return self.oracle(traces, tables)

    def oracle(self, traces: Sequence[LayerTrace], tables: dict[str, EnergyTable]) -> TableOracle:
        """What answers from tables of these layers."""
        return TableOracle(tables, {trace.layer.name: trace.layer for trace in traces}, self.spec, self.loads)

    def statistics(self, scope: Scope) -> SavedModel:
        """The model that the layers of a scope share."""
        return self.kind.collect(scope, self.spec, Sampling(self.tiles, self.effort.seed))

    def table(self, scope: Scope) -> EnergyTable:
        """The table that the layers of a scope share, priced as they use the weights."""
        use = LayerUse([trace.layer for trace in scope], self.spec, self.loads)
        return self.characterized(self.statistics(scope), use)

    def characterized(self, statistics: TransitionModel, use: LayerUse | None = None) -> EnergyTable:
        """The table on given statistics."""
        return characterize(
            self.netlist,
            self.spec.mac,
            statistics,
            backend=self.backend,
            effort=self.effort,
            use=use,
            model=self._model,
            workers=self.workers,
            progress=self.progress,
        )

    @cached_property
    def _model(self) -> EnergyModel:
        return EnergyModel(self.netlist, self.clock_ps, self.load)
