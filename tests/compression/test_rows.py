"""Rows of results: what they say of two networks, and their round trips."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattloop.compression.bound_facts import BoundFacts, widest
from wattloop.compression.energies import ACCOUNTINGS, LayerEnergies, NetworkEnergies, saving
from wattloop.compression.row_files import from_json, load_parquet, save_parquet, to_json
from wattloop.compression.rows import Labels, Measured, Row, row_of, setting_text, weight_facts
from wattloop.errors import StorageError
from wattloop.power.oracle import EnergyBreakdown, LayerEnergy

LABELS = Labels("lenet5", "digits", "global", "ratio=0.5 values=16", "array", 3, epochs=4)


def energies(scale: float, error: float = 0.0, tiles: int = 40) -> NetworkEnergies:
    def layer(name: str, kind: str, size: float) -> LayerEnergies:
        by_tiles = LayerEnergy(name, EnergyBreakdown(size, size, size, 1.0, 1.0), 10, error, "tiles/x", "datapath")
        fj = dict(zip(ACCOUNTINGS, (3 * size, 3 * size + 2, 2 * size, 4 * size), strict=True))
        return LayerEnergies(by_tiles, kind, fj, dict.fromkeys(ACCOUNTINGS, error), tiles)

    layers = (layer("a", "conv", 10 * scale), layer("b", "conv", 30 * scale), layer("f", "linear", 1000.0))
    return NetworkEnergies(layers, 16, error == 0, 2 * error, "bitparallel-timed")


BOUND = BoundFacts(
    activation_codes=140,
    delay_bound_ps=165.0,
    settling_ps=163.0,
    needed_ps=172.5,
    supply_v=0.74,
    unselected_supply_v=0.78,
    supply_origin="a law",
    datapath_saving_at_supply=0.65,
    total_saving_at_supply=0.6,
    functional_saving_at_supply=0.66,
    array_saving_at_supply=0.64,
    late_transitions=0,
    timed_tiles=16,
)


UNBOUND = BoundFacts()


def row(error: float = 0.0, bound: BoundFacts = UNBOUND) -> Row:
    facts = weight_facts([(np.zeros((2, 4), np.int8), (0, 1)), (np.ones((6, 4), np.int8), None)])
    before, after = Measured(0.9, 0.91, energies(1.0, error)), Measured(0.88, 0.9, energies(0.4, error))
    return row_of(LABELS, before, after, facts, bound, mapped=False)


def test_a_row_speaks_of_convolutions_alone() -> None:
    found = row()
    assert (found.datapath_int8_fj, found.datapath_fj) == pytest.approx((120.0, 48.0))
    assert found.datapath_saving == pytest.approx(0.6)
    assert found.functional_saving == pytest.approx(0.6)
    assert found.array_saving == pytest.approx(0.6)
    assert found.total_saving == pytest.approx(1 - 52 / 124)
    assert (found.datapath_saving_error, found.tiles) == (0.0, "all")
    assert found.drop_points == pytest.approx(2.0)


def test_weights_count_by_the_set_of_their_layer() -> None:
    found = row()
    assert found.max_values_per_layer == 256
    assert found.bits_per_weight == pytest.approx((8 * 1 + 24 * 8) / 32)
    assert found.sparsity == pytest.approx(8 / 32)


def test_a_sample_brings_its_error() -> None:
    found = row(1.0)
    assert found.tiles == 80
    spread = 2**0.5
    assert found.datapath_saving_error == pytest.approx(np.hypot(spread / 120, 0.4 * spread / 120))


@given(before=st.floats(1, 1e12), share=st.floats(0, 2))
def test_a_saving_is_what_is_not_left(before: float, share: float) -> None:
    found, error = saving(before, before * share)
    assert found == pytest.approx(1 - share, abs=1e-9)
    assert error == 0


def test_rows_survive_json_and_parquet_to_the_bit(tmp_path: Path) -> None:
    rows = (row(), row(1.0), row(bound=BOUND))
    assert from_json(to_json(rows)) == rows
    save_parquet(rows, tmp_path / "rows.parquet")
    assert load_parquet(tmp_path / "rows.parquet") == rows


def test_a_file_of_rows_without_a_bound_knows_the_types_of_its_empty_columns(tmp_path: Path) -> None:
    save_parquet((row(),), tmp_path / "rows.parquet")
    schema = pl.read_parquet_schema(tmp_path / "rows.parquet")
    assert schema["supply_v"] == schema["array_saving_at_supply"] == pl.Float64
    assert schema["late_transitions"] == pl.Int64


def older(found: Row) -> dict[str, Any]:
    """A row as format 2 had it."""
    return {name: value for name, value in asdict(found).items() if name not in asdict(BoundFacts())}


def test_rows_of_an_earlier_version_are_read_where_they_say_all(tmp_path: Path) -> None:
    found = older(row())
    assert from_json(json.dumps([found])) == (row(),)
    pl.DataFrame([found | {"tiles": "all"}]).write_parquet(tmp_path / "rows.parquet")
    assert load_parquet(tmp_path / "rows.parquet") == (row(),)


def test_rows_of_an_earlier_version_under_a_bound_are_refused_for_what_they_lack() -> None:
    found = older(row()) | {"setting": "values=32 bound_ps=165.0"}
    with pytest.raises(StorageError, match=r"earlier version \(format 2\).* run the compression again"):
        from_json(json.dumps([found]))


def test_a_row_with_some_of_the_new_columns_alone_is_damaged() -> None:
    found = older(row()) | {"supply_v": 0.7}
    with pytest.raises(StorageError, match="damaged"):
        from_json(json.dumps([found]))


def test_the_widest_layer_counts() -> None:
    assert widest([(0, 1), (0, 1, 7)]) == 3
    assert widest([(0, 1), None]) == widest([]) == 256


@pytest.mark.parametrize("text", ["", "[{}]", "{", '[{"tiles": "all"}]', "3"])
def test_damaged_rows_are_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="damaged"):
        from_json(text)
    (tmp_path / "rows.parquet").write_text(text)
    with pytest.raises(StorageError, match="cannot read the rows"):
        load_parquet(tmp_path / "rows.parquet")


def test_settings_read_as_one_writes_them() -> None:
    assert setting_text({"ratio": 0.5, "values": 16, "from": "int8"}) == "ratio=0.5 values=16 from=int8"
    assert setting_text({}) == ""
