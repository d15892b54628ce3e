"""Icarus Verilog on a test bench written for the occasion."""

from __future__ import annotations

from pathlib import Path

from wattloop import tools


def simulate(folder: Path, *sources: str) -> list[str]:
    """Lines that the test bench among `sources` (its module is `bench`) prints."""
    names = []
    for k, text in enumerate(sources):
        names.append(f"source_{k}.v")
        (folder / names[-1]).write_text(text)
    tools.run("iverilog", ["-g2012", "-Wall", "-Wno-timescale", "-s", "bench", "-o", "bench.vvp", *names], cwd=folder)
    return tools.run("vvp", ["-n", "bench.vvp"], cwd=folder).splitlines()
