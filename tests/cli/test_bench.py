"""`wattloop bench activity` gives every figure of its contract, from one run."""

from __future__ import annotations

import json
import sys
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


# Few and short runs, and a yardstick that is compiled soon: how fast anything is does not matter here.
QUICK = """
import sys
from wattloop.activity.bitparallel import verilator
from wattloop.cli.main import main
from wattloop.flow import benchmark
benchmark._RUNS, benchmark._LEAST_S, verilator._CFLAGS = 2, 0.1, "-O0"
sys.argv.pop(0)
main()
"""


def test_all_figures_come_from_one_run(wattloop: Callable) -> None:
    """In a process of its own, whose memory is watched."""
    done = wattloop(
        *("bench", "activity", "--lanes", "64", "--stream", "2000000", "--json"),
        *("--set", "training.pretrain.epochs=1", "--set", "training.qat.epochs=1"),
        wrapper=[sys.executable, "-c", QUICK],
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


def test_too_few_lanes_are_refused(refused_here: Callable[..., str]) -> None:
    assert "at least 1 and" in refused_here("bench", "activity", "--lanes", "0")


NETWORK_KEYS = (
    *("macs_per_image", "pe_cycles_per_image", "used_pe_cycles_per_image", "tiles_per_image", "peak_rss_mb"),
    *("exact_zero_s_per_image", "exact_timed_s_per_image", "exact_timed_default_grid_s_per_image"),
    *("exact_zero_further_s_per_image", "exact_zero_cpu_s_per_image", "icarus_s_per_image_extrapolated"),
)


def test_a_whole_network_is_timed_to_the_last_tile(wattloop_here: Callable) -> None:
    done = wattloop_here(
        *("bench", "network", "--runs", "1", "--no-tables", "--json"),
        *("--set", "training.pretrain.epochs=1", "--set", "training.qat.epochs=1"),
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    for key in NETWORK_KEYS:
        assert found[key] > 0, key
    # LeNet-5: 28 x 28 pixels of 6 x 25 weights, then 10 x 10 of 16 x 150; linear layers are not counted.
    assert found["macs_per_image"] == 28 * 28 * 6 * 25 + 10 * 10 * 16 * 150
    assert found["tiles_per_image"] == 13 + 3 * 2
    assert found["pe_cycles_per_image"] > found["used_pe_cycles_per_image"] > 2 * found["macs_per_image"]
    # Glitches cost, and a coarser grid lets more of them pass.
    settled, timed = found["exact_zero_dynamic_fj_per_mac"], found["exact_timed_dynamic_fj_per_mac"]
    assert timed > found["exact_timed_default_grid_dynamic_fj_per_mac"] > settled > 0


def test_no_image_is_refused(refused_here: Callable[..., str]) -> None:
    assert "at least 1 of each" in refused_here("bench", "network", "--images", "0")
