"""`wattloop map`: chosen on training images, measured on test images, and the network stays what it is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from wattloop.activity.backend import backend
from wattloop.arith.deploy import mapped_requantisation, mapped_sums
from wattloop.arith.quant import requantize
from wattloop.arith.tiling import psum_bounds
from wattloop.compression.mapping.archive import load_mappings
from wattloop.errors import ConfigError
from wattloop.flow.mapping import AS_IT_IS, MAPPING, MappingReport, Measured, mapping_flow
from wattloop.flow.mapping_settings import MappingSettings
from wattloop.flow.settings import Settings, load
from wattloop.flow.simulator import Simulator
from wattloop.flow.training import trained_network
from wattloop.nn.trace import trace
from wattloop.power.tile_energies import total_fj
from wattloop.runs import run_folder


@pytest.fixture(scope="module")
def chosen(settings: Settings) -> Settings:
    return replace(settings, mapping=MappingSettings(chosen_images=2, chosen_tiles=3, tiles=6))


@pytest.fixture(scope="module")
def run(chosen: Settings, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, MappingReport]:
    out = tmp_path_factory.mktemp("map") / "run"
    with run_folder(out, command="map", settings=chosen, seeds=chosen.seeds) as made:
        report = mapping_flow(chosen, made)
    return out, report


def whole(report: MappingReport) -> dict[str, Measured]:
    return {row.option: row for row in report.rows if row.layer == "all"}


def test_every_freedom_stands_alone_and_all_together(run: tuple[Path, MappingReport]) -> None:
    rows = whole(run[1])
    apart = ["signs", "offset of a layer", "offsets of channels", "signs and offsets", "rows", "pixels"]
    assert list(rows) == [AS_IT_IS, *apart, "all"]
    before = rows[AS_IT_IS]
    assert before.datapath_saving == before.total_saving == before.preload_fj == 0
    for row in rows.values():
        for name in ("datapath", "total", "functional", "array"):
            saving = 1 - getattr(row, f"{name}_fj") / getattr(before, f"{name}_fj")
            assert getattr(row, f"{name}_saving") == pytest.approx(saving)
        assert (row.preload_fj > 0) == (
            row.option in ("offset of a layer", "offsets of channels", "signs and offsets", "all")
        )
    assert rows["all"].datapath_saving > 0.05
    assert rows["all"].datapath_saving > rows["signs"].datapath_saving > 0


def test_layers_add_up(run: tuple[Path, MappingReport]) -> None:
    for option, row in whole(run[1]).items():
        parts = [part for part in run[1].rows if part.option == option and part.layer != "all"]
        assert [part.layer for part in parts] == ["conv1", "conv2"]
        for name in ("datapath_fj", "total_fj", "functional_fj", "array_fj", "preload_fj"):
            assert sum(getattr(part, name) for part in parts) == pytest.approx(getattr(row, name))


def test_figures_are_those_of_test_images_laid_out_as_the_file_says(
    chosen: Settings, run: tuple[Path, MappingReport]
) -> None:
    """By the oracle, from the saved mapping and traces made here."""
    out, report = run
    mappings = load_mappings(out / MAPPING)
    assert mappings == report.mappings
    trained = trained_network(chosen)
    seen = trace(trained.network, trained.dataset.test.images[:1], layers=list(mappings))
    hardware = replace(chosen.hardware, array=replace(chosen.hardware.array, psum_preload=True))
    oracle = replace(
        Simulator(hardware).tiles(seen), backend=backend("bitparallel-timed"), tiles=6, seed=chosen.mapping.seed
    )
    rows = {row.layer: row for row in report.rows if row.option == "all"}
    for one in seen:
        name = one.layer.name
        measured = oracle.simulate(name, one.layer.weight, mappings[name])
        assert rows[name].datapath_fj == pytest.approx(total_fj(measured, "datapath").total)


def test_the_mapped_layers_compute_the_network(chosen: Settings, run: tuple[Path, MappingReport]) -> None:
    trained, mappings = trained_network(chosen), run[1].mappings
    (seen,) = trace(trained.network, trained.dataset.test.images[:1], layers=["conv2"])
    layer, spec, laid = trained.network.layer("conv2"), chosen.hardware.array, mappings["conv2"]
    assert laid.row_order and laid.flipped_filters and laid.psum_offset and laid.pixel_order == "snake"
    bias, scale = (part.detach().numpy() for part in layer.requantisation())
    after = mapped_requantisation(seen.layer.geometry, spec, laid, bias.astype(np.int64), scale)
    plain = mapped_sums(seen, spec, type(laid)())
    expected = requantize(plain, bias.astype(np.int64), scale, *layer.levels())
    found = requantize(mapped_sums(seen, spec, laid), after.bias, after.scale, *layer.levels())
    np.testing.assert_array_equal(found, expected)
    least, greatest = psum_bounds(seen.layer, spec, laid)
    assert spec.mac.psum_range[0] <= least.min() and greatest.max() <= spec.mac.psum_range[1]


def test_the_run_says_what_it_saved(run: tuple[Path, MappingReport]) -> None:
    saved = json.loads((run[0] / "savings.json").read_text())["rows"]
    assert [(row["option"], row["layer"]) for row in saved] == [(row.option, row.layer) for row in run[1].rows]


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("mapping.options.signs", "some", "legal: none, values, tiles"),
        ("mapping.prune", "1.0", "0 to below 1"),
        ("mapping.chooser", "spice", "bitparallel"),
        ("mapping.tiles", "0", "1 or more"),
    ],
)
def test_what_is_illegal_is_named(key: str, value: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load(None, {key: value})


def test_options_that_are_off_are_not_measured() -> None:
    settings = load(None, {"mapping.options.offsets": "layer", "mapping.options.pixels": "raster"}).mapping
    assert list(settings.variants) == ["signs", "offset of a layer", "signs and offsets", "rows", "all"]
    assert list(replace(settings, alone=False).variants) == ["all"]
