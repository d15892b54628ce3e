"""Table energies: a histogram of the weights, times cycles, times energy by value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from tests.activity.plain import PlainBackend

from wattloop.arith.kinds import KINDS
from wattloop.arith.layer import ConvGeometry, IntegerLayer, LayerTrace
from wattloop.arith.statistics import collect
from wattloop.arith.tiling import tile_at, tile_count
from wattloop.errors import ConfigError, OverflowRangeError
from wattloop.gates.netlist import Netlist
from wattloop.gates.spec import ArraySpec, MacSpec
from wattloop.power.characterize import characterize
from wattloop.power.effort import Effort
from wattloop.power.energy_table import DYNAMIC, ORIGINS, EnergyTable
from wattloop.power.oracle import HardwareMapping
from wattloop.power.table_oracle import TableOracle
from wattloop.power.table_profiler import TableProfiler


def table(layer: str = "conv", low: int = -128) -> EnergyTable:
    """Every weight costs its distance from -1000, times 1, 10, 100, ... by origin."""
    weights = np.arange(low, 128, dtype=np.int64)
    columns = {name: (weights + 1000.0) * 10**k for k, name in enumerate(ORIGINS)}
    return EnergyTable(
        weights=weights,
        class_columns={name: columns[name][:, None] for name in DYNAMIC},
        static_columns={name: columns[name] for name in ORIGINS if name not in DYNAMIC},
        batch_fj=np.stack([weights + 999.0, weights + 1001.0], axis=1)[:, None],  # standard error 1
        shares=np.ones(1),
        class_of_row=np.zeros((1, 1), np.int64),
        pairs=np.full(len(weights), 2),
        toggles=np.zeros((len(weights), 1), np.int64),
        nets=("n",),
        prices={name: np.full(1, 10.0**k) for k, name in enumerate(DYNAMIC)},
        provenance={"layer": layer, "backend": "f", "accounting": "a"},
    )


def oracle(trace: LayerTrace, array: ArraySpec, tables: Mapping[str, EnergyTable] | None = None) -> TableOracle:
    return TableOracle(tables or {"conv": table()}, {"conv": trace.layer}, array)


def by_tiles(trace: LayerTrace, spec: ArraySpec) -> dict[str, float]:
    """Cell by cell over the tiles of all images: pixels + 1 cycles of moving data, all cycles for the rest."""
    energy = dict.fromkeys(ORIGINS, 0.0)
    for index in range(tile_count(trace, spec)):
        tile = tile_at(trace, spec, index)
        pixels = tile.activations.shape[1]
        for k, name in enumerate(ORIGINS):
            cycles = pixels + 1 if name in DYNAMIC else spec.cycles_of(pixels)
            energy[name] += ((tile.weights.astype(float) + 1000) * 10**k).sum() * cycles
    return {name: value / trace.images for name, value in energy.items()}


@pytest.mark.parametrize(
    "geometry",
    [
        ConvGeometry(2, 6, 4, 4, kernel=(3, 3), padding=(1, 1)),
        ConvGeometry(4, 6, 5, 3, kernel=(2, 2), groups=2),
        ConvGeometry(30, 7, 1, 1),
    ],
    ids=["partial tiles", "grouped", "linear"],
)
def test_energy_is_that_of_every_cell_of_every_tile(geometry: ConvGeometry, array: ArraySpec) -> None:
    rng = np.random.default_rng(1)
    shape = (3, geometry.in_channels, geometry.in_height, geometry.in_width)
    weight = rng.integers(-128, 128, (geometry.out_channels, geometry.reduction)).astype(np.int8)
    layer = IntegerLayer("conv", "conv", geometry, weight)
    trace = LayerTrace(layer, rng.integers(0, 256, shape).astype(np.uint8))
    found = oracle(trace, array).energy("conv", weight)
    assert vars(found.energy) == pytest.approx(by_tiles(trace, array))
    assert (found.macs, found.origin, found.accounting) == (geometry.macs, "table/f", "a")


def test_errors_of_weights_are_independent(trace: LayerTrace, array: ArraySpec) -> None:
    weights = np.zeros((6, 18), np.int8)
    weights[:2] = 5
    found = oracle(trace, array).energy("conv", weights)
    cycles = 16 + 3  # pixels, in tiles of 6
    assert found.standard_error_fj == pytest.approx(cycles * np.hypot(2 * 18, 4 * 18))


def test_values_are_the_tables(trace: LayerTrace, array: ArraySpec) -> None:
    np.testing.assert_array_equal(oracle(trace, array).value_energy_fj("conv"), table().dynamic_fj)
    assert list(oracle(trace, array).layers) == ["conv"]
    assert oracle(trace, array).origin == "table/f"


def test_what_the_table_does_not_know_is_refused(trace: LayerTrace, array: ArraySpec) -> None:
    known, weight = oracle(trace, array), trace.layer.weight
    with pytest.raises(ConfigError, match="no energy profile of layer 'fc'; profiled: conv"):
        known.energy("fc", weight)
    with pytest.raises(ConfigError, match="no energy profile of layer 'fc'"):
        known.value_energy_fj("fc")
    with pytest.raises(ConfigError, match=r"weights of shape \(6, 17\), expected \(6, 18\)"):
        known.energy("conv", weight[:, 1:])
    with pytest.raises(ConfigError, match="integers from -128 to 127"):
        known.energy("conv", np.full((6, 18), 200, np.int16))  # type: ignore[arg-type] # it would wrap to -56
    with pytest.raises(ConfigError, match="use real tiles"):
        known.energy("conv", weight, HardwareMapping(psum_offset=1))
    narrow = oracle(trace, array, {"conv": table(low=-8)})
    with pytest.raises(ConfigError, match="not in the table, such as -9"):
        narrow.energy("conv", np.full((6, 18), -9, np.int8))


def test_the_profiler_characterises_each_layer_on_its_own_transitions(
    mac_netlist: Netlist, plain: PlainBackend, array: ArraySpec, trace: LayerTrace
) -> None:
    second = LayerTrace(replace(trace.layer, name="other"), trace.inputs // 4)
    seen: list[tuple[int, int]] = []
    profiler = TableProfiler(
        mac_netlist,
        array,
        plain,
        kind=KINDS["independent"],
        effort=Effort(4, 2, seed=3),
        progress=lambda *step: seen.append(step),
    )
    found = profiler([trace, second])
    assert list(found.layers) == ["conv", "other"]
    assert seen[-1] == (256, 256)
    for one in (trace, second):
        alone = characterize(
            mac_netlist, MacSpec(), collect(one, array, seed=3), backend=plain, effort=Effort(4, 2, seed=3)
        )
        np.testing.assert_array_equal(found.tables[one.layer.name].toggles, alone.toggles)
    assert (
        found.energy("other", second.layer.weight).energy.dynamic_fj
        < found.energy("conv", trace.layer.weight).energy.dynamic_fj
    )  # quieter inputs


def test_a_layer_that_overflows_is_refused(mac_netlist: Netlist, plain: PlainBackend, trace: LayerTrace) -> None:
    narrow = ArraySpec(rows=18, cols=4, pixels=6, mac=MacSpec(psum_bits=17))
    with pytest.raises(OverflowRangeError, match="layer conv"):
        TableProfiler(mac_netlist, narrow, plain, effort=Effort(4, 2))([trace])
