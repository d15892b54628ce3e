"""What a benchmark says about the machine that it ran on."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path

from wattloop.activity.bitparallel import kernels


def seconds(work: Callable[[], object]) -> float:
    """How long `work` takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def machine() -> dict[str, float | int | str]:
    """Processor, its vectors, and how busy the machine is."""
    model = "unknown"
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    wide = "avx512" if "avx512f" in kernels.cpu_flags() else "narrower than 512 bits"
    return {"processor": model, "vectors_of_the_processor": wide, "load_average_before": os.getloadavg()[0]}


def forget_peak() -> None:
    """Linux: start the high-water mark of resident memory anew."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_rss_mb() -> float:
    """High-water mark of resident memory in MiB; not a number where the system does not tell."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return int(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) / 1024
    except (OSError, StopIteration):
        return float("nan")
