"""`wattloop bench activity` gives every figure of its contract, from one run."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

KEYS = (
    *("bitparallel_zero_vectors_per_s", "bitparallel_timed_vectors_per_s", "threads_speedup"),
    *("icarus_timed_vectors_per_s", "verilator_plain_vectors_per_s", "verilator_toggle_vectors_per_s"),
    *("zero_over_verilator_toggle", "zero_over_verilator_plain", "timed_over_icarus", "timed_over_icarus_random"),
    *(
        "threads_speedup_of_plain_arithmetic",
        "compile_s",
        "warm_start_zero_s",
        "warm_start_timed_s",
        "peak_rss_mb",
        "peak_rss_mb_1e6",
    ),
)


def test_all_figures_come_from_one_run(wattloop: Callable) -> None:
    done = wattloop(
        *("bench", "activity", "--lanes", "64", "--stream", "2000000", "--json"),
        *("--set", "training.pretrain.epochs=1", "--set", "training.qat.epochs=1"),
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    for key in KEYS:
        assert found[key] > 0, key
    assert found["toggle_error_vs_icarus"] == 0
    assert found["changes_per_vector"] > found["toggles_per_vector"] > 50
    ratio = found["bitparallel_zero_vectors_per_s"] / found["verilator_toggle_vectors_per_s"]
    assert found["zero_over_verilator_toggle"] == pytest.approx(ratio)
    for mode in ("zero", "timed"):  # a limit that the engine beats was counted wrong; busy machines disturb both
        assert 0 < found[f"bitparallel_{mode}_share_of_limit"] < 1.5
        assert found[f"warm_start_{mode}_s"] < 5
    assert found["peak_rss_mb"] < 1.2 * found["peak_rss_mb_1e6"]


def test_too_few_lanes_are_refused(refused: Callable[..., str]) -> None:
    assert "at least 1 and" in refused("bench", "activity", "--lanes", "0")
