"""`wattloop timing` and `wattloop bench timing`, as a user runs them."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

SMALL = [
    part
    for name, value in (("weight_bits", 3), ("activation_bits", 3), ("psum_bits", 7))
    for part in ("--set", f"hardware.array.mac.{name}={value}")
]


def test_timing_tells_what_is_late_and_keeps_it(wattloop: Callable, tmp_path: Path) -> None:
    done = wattloop("timing", *SMALL, "--methods", "worst, multiplier", "--bound-ps", "60", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [one["method"] for one in found["methods"]] == ["worst", "multiplier"]
    assert found["bound_ps"] == 60
    assert abs(found["longest_over_sta"]) < 0.2
    for one in found["methods"]:
        assert 0 < one["latest_ps"] <= one["longest_ps"]
        assert (tmp_path / "runs" / "timing" / "timing" / f"{one['method']}.npz").is_file()


def test_timing_says_how_far_it_is_from_opensta_or_that_it_is_not_there(wattloop: Callable) -> None:
    done = wattloop("timing", *SMALL, "--methods", "worst")
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("OpenSTA: ")]
    if shutil.which("sta") is None:
        assert line == "OpenSTA: not installed (Debian's package opensta)"
    else:
        assert re.fullmatch(
            r"OpenSTA: arrival [\d.]+ ps \(.+\); longest path [+-][\d.]+%, static timing [+-]0\.0000\d%", line
        )
    assert "None" not in done.stdout


def test_the_benchmark_agrees_with_icarus_and_is_quicker(wattloop: Callable) -> None:
    done = wattloop("bench", "timing", *SMALL, "--runs", "1", "--icarus", "512", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    for prefix in ("", "multiplier_"):
        assert found[f"{prefix}transitions"] == 8 * 64
        assert found[f"{prefix}different_from_icarus"] == 0
        assert found[f"{prefix}icarus_transitions"] == 512
        ratio = found[f"{prefix}icarus_seconds_extrapolated"] / found[f"{prefix}seconds"]
        assert found[f"{prefix}over_icarus"] == ratio > 0
    for prefix in ("", "multiplier_", "worst_"):
        assert 0 < found[f"{prefix}max_dynamic_ps"] <= found[f"{prefix}static_ps"]


def test_wrong_words_are_refused(refused_here: Callable[..., str]) -> None:
    assert "guess" in refused_here("timing", "--methods", "guess")
    assert "at least 1 and 16" in refused_here("bench", "timing", "--runs", "0")
