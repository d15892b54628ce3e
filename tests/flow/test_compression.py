"""Compression from settings to a run folder: reproducible, resumable, within its bound."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from wattloop.compression.result import CompressionResult
from wattloop.errors import ConfigError
from wattloop.flow.compression import COMPRESSION, compress_flow
from wattloop.flow.pe_map import CELLS
from wattloop.flow.resumption import resumption
from wattloop.flow.settings import Settings
from wattloop.gates.spec import MacSpec
from wattloop.runs import run_folder
from wattloop.store import Store, cache_root

FILES = [
    "journal.jsonl",
    "layers.parquet",
    "network.safetensors",
    "points/000.safetensors",
    "points/001.safetensors",
    "result.json",
    "rows.json",
    "rows.parquet",
    "values.parquet",
]


def compressed(settings: Settings, out: Path, store: Store | None = None) -> Path:
    with run_folder(out, command="compress", settings=settings, seeds=settings.seeds) as run:
        compress_flow(settings, run, store=store)
    return out / COMPRESSION


def contents(folder: Path) -> dict[str, bytes]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def folder(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compressed(settings, tmp_path_factory.mktemp("compress") / "run")


def test_on_a_cell_without_some_weights_network_and_sets_keep_to_what_it_holds(
    settings: Settings, tmp_path: Path
) -> None:
    """A shifting cell holds 15 values; int8 and compressed networks are both made of them."""
    cell = MacSpec(multiplier="shift")
    hardware = replace(settings.hardware, array=replace(settings.hardware.array, mac=cell))
    own = replace(settings, hardware=hardware, compress=replace(settings.compress, max_layers=1))
    found = CompressionResult.load(compressed(own, tmp_path / "run"))
    assert found.network is not None
    for name in found.network.layers:
        assert set(np.unique(found.network.integer_weight(name)).tolist()) <= set(cell.weight_values)
    held = np.array(cell.weight_values) + 128
    for layer in found.layers:
        usage, curve = np.array(layer.histogram_before), np.array(layer.curve_before)
        assert usage[held].sum() == usage.sum() > 0
        assert np.isfinite(curve[held]).all()
        assert np.isinf(np.delete(curve, held)).all()


def test_offsets_that_the_array_has_no_registers_for_are_refused_before_anything_is_compressed(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """conv2 has 16 channels: two blocks of columns, whose offsets take turns."""
    monkeypatch.setattr("wattloop.compression.run.compress", lambda *_, **__: pytest.fail("it begins"))
    hardware = replace(settings.hardware, array=replace(settings.hardware.array, cols=8))
    own = replace(settings, hardware=hardware, compress=replace(settings.compress, mapped=True))
    with pytest.raises(ConfigError, match=r"layer conv2: its 2 blocks of columns .*set psum_preload = true"):
        compressed(own, tmp_path / "run")


@pytest.fixture(scope="module")
def result(folder: Path) -> CompressionResult:
    return CompressionResult.load(folder)


def test_the_run_holds_everything(folder: Path) -> None:
    assert sorted(contents(folder)) == FILES
    names = {path.name for path in folder.parent.iterdir()}
    assert names == {
        "config.toml",
        "log.txt",
        "provenance.json",
        "report.html",
        "report.md",
        "plots",
        CELLS,
        COMPRESSION,
    }
    assert json.loads((folder.parent / "provenance.json").read_text())["simulator"] == "bitparallel-timed"


def test_the_cells_of_a_tile_are_kept_before_and_after(folder: Path, result: CompressionResult) -> None:
    cells = pl.read_parquet(folder.parent / CELLS)
    assert set(cells["layer"]) == {result.layers[0].layer}
    before, after = (cells.filter(stage=stage) for stage in ("int8", "compressed"))
    assert len(before) == len(after) == 64 * 64
    assert before["used"].sum() == after["used"].sum() > 0
    # Clock pins take the same whatever the weights are; toggles cost less once the layer saves.
    assert before["clock_fj"].sum() == pytest.approx(after["clock_fj"].sum(), rel=0.01)
    switching = [stage.filter(pl.col("used"))["comb_switching_fj"].sum() for stage in (before, after)]
    assert (switching[1] < switching[0]) == (result.best is not None)


def test_validation_never_ends_below_the_bound(result: CompressionResult) -> None:
    assert result.bound == pytest.approx(result.validation_before.accuracy - 0.20)
    assert result.validation_after.accuracy >= result.bound


def test_the_saved_network_keeps_to_its_sets(result: CompressionResult) -> None:
    assert result.network is not None
    assert any(layer.values for layer in result.layers)
    for layer in result.layers:
        if layer.values is not None:
            assert set(np.unique(result.network.integer_weight(layer.layer)).tolist()) <= set(layer.values)
            assert 0 in layer.values


def test_the_rows_are_exact_and_of_the_same_network(result: CompressionResult) -> None:
    assert 0 < result.table_saving < 1
    assert result.best is not None
    assert len(result.rows) == len(result.points)
    row = result.rows[result.best]
    assert (row.images, row.tiles, row.datapath_saving_error) == (1, "all", 0.0)
    assert row.datapath_saving == pytest.approx(result.tiles_saving)
    assert (row.validation, row.accuracy) == (result.validation_after.accuracy, result.test_after.accuracy)
    assert 0 < row.functional_fj < row.datapath_fj < row.total_fj
    assert row.datapath_fj < row.array_fj
    assert row.max_values_per_layer == 16


def linked(folder: Path, kinds: Callable[[str], bool]) -> Path:
    """A cache that shares the kinds of artefacts with the usual one that `kinds` lets through, and no others."""
    folder.mkdir()
    cache_root().mkdir(parents=True, exist_ok=True)
    for kind in cache_root().iterdir():
        if kinds(kind.name):
            (folder / kind.name).symlink_to(kind)
    return folder


def test_the_same_seeds_give_the_same_bits_with_nothing_cached(
    folder: Path, settings: Settings, tmp_path: Path
) -> None:
    """Nothing but the hardware: that synthesis gives the same bits twice has a test of its own."""
    cache = linked(tmp_path / "cache", {"liberty", "netlist", "bitparallel"}.__contains__)
    again = compressed(settings, tmp_path / "again", Store(cache))
    assert contents(again) == contents(folder)
    assert {"float", "network", "table"} < {kind.name for kind in cache.iterdir() if not kind.is_symlink()}


Started = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache that shares everything with the usual one but the progress of compressions."""
    return linked(tmp_path / "cache", lambda kind: kind != "resume")


@pytest.fixture
def started(tiny: Path, tmp_path: Path, cache: Path) -> Started:
    """Starts `wattloop compress` and returns when it has said `until` on standard error."""

    def start(until: str) -> subprocess.Popen[str]:
        program = Path(sys.executable).parent / "wattloop"
        process = subprocess.Popen(
            # A shell starts its background jobs with interrupts ignored, and a program inherits that.
            [
                "env",
                "--default-signal=INT",
                str(program),
                "compress",
                "--config",
                str(tiny),
                "--out",
                str(tmp_path / "runs" / "a"),
            ],
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "WATTLOOP_CACHE": str(cache)},
            text=True,
        )
        said(process, until)
        return process

    return start


def said(process: subprocess.Popen[str], words: str) -> None:
    """Returns when the process has said `words` on standard error."""
    assert process.stderr is not None
    assert any(words in line for line in process.stderr), f"it never said {words!r}"


def ended(process: subprocess.Popen[str]) -> int:
    _, rest = process.communicate(timeout=600)
    assert "Traceback" not in rest
    return process.returncode


def test_a_killed_run_goes_on_to_the_same_bits(folder: Path, cache: Path, tmp_path: Path, started: Started) -> None:
    """kill -9 when it has just said something: near its beginning, and what goes on then in the second layer."""
    process = started("not to fall below")
    process.kill()
    assert ended(process) == -signal.SIGKILL
    assert list(cache.glob("resume/*/journal.jsonl"))
    assert not (tmp_path / "runs" / "a").exists()
    process = started("going on where an interrupted run stood")
    said(process, "conv1: 50% pruned")
    process.kill()
    assert ended(process) == -signal.SIGKILL
    assert not (tmp_path / "runs" / "a").exists()
    process = started("going on where an interrupted run stood")
    assert ended(process) == 0
    assert contents(tmp_path / "runs" / "a" / COMPRESSION) == contents(folder)
    assert not list(cache.glob("resume/*/"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_no_folder(number: signal.Signals, tmp_path: Path, started: Started) -> None:
    process = started("not to fall below")
    process.send_signal(number)
    assert ended(process) == 130
    assert not (tmp_path / "runs").exists()


def test_progress_stays_where_there_is_more_to_do(tmp_path: Path) -> None:
    with resumption(tmp_path / "a", lambda: True) as folder:
        assert folder is not None
        folder.mkdir(parents=True)
    assert (tmp_path / "a").is_dir()
    with resumption(tmp_path / "a", lambda: False):
        pass
    assert not (tmp_path / "a").exists()


def test_progress_belongs_to_one_run_at_a_time(tmp_path: Path) -> None:
    with resumption(tmp_path / "a") as first, resumption(tmp_path / "a") as second:
        assert first == tmp_path / "a"
        assert second is None
    with resumption(tmp_path / "a") as third:
        assert third == first


def test_progress_stays_when_a_run_fails(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), resumption(tmp_path / "a") as folder:
        assert folder is not None
        folder.mkdir()
        raise KeyboardInterrupt
    assert (tmp_path / "a").is_dir()
    with resumption(tmp_path / "a"):
        pass
    assert not (tmp_path / "a").exists()
