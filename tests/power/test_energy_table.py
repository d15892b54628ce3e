"""Tables keep every bit on their way through a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from wattloop.errors import StorageError
from wattloop.power.energy_table import DYNAMIC, ORIGINS, EnergyTable, compare
from wattloop.power.oracle import EnergyBreakdown


def table(*, seed: int = 0, weights: int = 8, batches: int = 5) -> EnergyTable:
    rng = np.random.default_rng(seed)
    return EnergyTable(
        weights=np.arange(-weights // 2, weights // 2, dtype=np.int64),
        class_columns={name: rng.random((weights, 3)) * 10.0**k for k, name in enumerate(DYNAMIC)},
        static_columns={name: rng.random(weights) for name in ORIGINS if name not in DYNAMIC},
        batch_fj=rng.random((weights, 3, batches)),
        shares=np.array([0.5, 0.25, 0.25]),
        class_of_row=np.array([[0, 1, 2, 2], [1, 1, 0, 2]]),
        pairs=np.arange(weights) + 1000,
        toggles=rng.integers(0, 1 << 40, (weights, 3)),
        nets=("a[0]", "_1_", "z"),
        prices={name: rng.random(3) for name in DYNAMIC},
        provenance={"layer": "conv2", "backend": "icarus", "odd": 'ä "quoted"\n'},
    )


def test_a_file_gives_back_every_bit_and_all_provenance(tmp_path: Path) -> None:
    path, before = tmp_path / "t.parquet", table()
    before.save(path)
    after = EnergyTable.load(path)
    assert after.provenance == before.provenance
    assert (after.nets, after.layer) == (before.nets, "conv2")
    for name in ORIGINS:
        assert after.columns[name].tobytes() == before.columns[name].tobytes()
    for name in DYNAMIC:
        assert after.prices[name].tobytes() == before.prices[name].tobytes()
        assert after.class_columns[name].tobytes() == before.class_columns[name].tobytes()
    for name in ("weights", "batch_fj", "shares", "class_of_row", "pairs", "toggles"):
        assert getattr(after, name).tobytes() == getattr(before, name).tobytes()
        assert getattr(after, name).dtype == getattr(before, name).dtype


def test_the_file_is_plain_parquet(tmp_path: Path) -> None:
    table().save(tmp_path / "t.parquet")
    frame = pl.read_parquet(tmp_path / "t.parquet")
    assert {"weight", *ORIGINS, "dynamic_fj", "standard_error_fj", "toggles"} <= set(frame.columns)
    np.testing.assert_array_equal(frame["dynamic_fj"].to_numpy(), table().dynamic_fj)
    assert pl.read_parquet_metadata(tmp_path / "t.parquet")["layer"] == "conv2"


@pytest.mark.parametrize("damage", [lambda raw: raw[: len(raw) // 2], lambda _: b"", lambda _: b"no table"])
def test_a_damaged_file_is_an_error(tmp_path: Path, damage: object) -> None:
    path = tmp_path / "t.parquet"
    table().save(path)
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]
    with pytest.raises(StorageError, match=r"cannot read energy table .*characterise again"):
        EnergyTable.load(path)


def test_a_missing_or_foreign_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="characterise again"):
        EnergyTable.load(tmp_path / "none.parquet")
    pl.DataFrame({"weight": [1]}).write_parquet(tmp_path / "foreign.parquet")
    with pytest.raises(StorageError, match="characterise again"):
        EnergyTable.load(tmp_path / "foreign.parquet")


def test_rows_are_by_weight() -> None:
    found = table().breakdown(-3)
    assert found == EnergyBreakdown(**{name: float(table().columns[name][1]) for name in ORIGINS})
    assert found.dynamic_fj == pytest.approx(table().dynamic_fj[1])
    assert found.dynamic_fj == pytest.approx(sum(table().columns[name][1] for name in DYNAMIC))


def test_a_weight_costs_the_mean_over_the_classes_of_rows() -> None:
    found = table()
    expected = found.class_dynamic_fj[:, 0] / 2 + found.class_dynamic_fj[:, 1] / 4 + found.class_dynamic_fj[:, 2] / 4
    np.testing.assert_allclose(found.dynamic_fj, expected)
    np.testing.assert_allclose(found.batch_dynamic_fj, found.batch_fj.transpose(0, 2, 1) @ found.shares)
    assert found.worst_error == pytest.approx((found.standard_error_fj / found.dynamic_fj).max())


def test_the_standard_error_is_that_of_the_mean_of_the_batches() -> None:
    batches = table().batch_dynamic_fj[2]
    expected = np.sqrt(((batches - batches.mean()) ** 2).sum() / 4 / 5)
    assert table().standard_error_fj[2] == pytest.approx(expected)


def test_equal_tables_are_equal_to_the_toggle_and_others_are_not() -> None:
    assert str(compare(table(), table())).startswith("equal to the toggle")
    changed = table().toggles.copy()
    changed[3, 1] += 1
    found = compare(table(), replace(table(), toggles=changed))
    assert found.toggle_differences == 1
    assert str(found).startswith("1 entries differ")
    dearer = {name: values * 1.5 for name, values in table().class_columns.items()}
    assert compare(table(), replace(table(), class_columns=dearer)).worst_energy_error == pytest.approx(0.5)


def test_tables_of_other_nets_or_weights_are_not_compared() -> None:
    for other in (replace(table(), nets=("a", "b", "c")), table(weights=4)):
        with pytest.raises(StorageError, match="cannot be compared"):
            compare(table(), other)
