"""Whole arrays against the engine: netlists in both simulators, the RTL in Verilator."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from wattloop.activity.bitparallel.array_contract import gate_array, random_tiles, rtl_array
from wattloop.activity.bitparallel.contract import Check
from wattloop.activity.bitparallel.engine import Engine
from wattloop.errors import ConfigError
from wattloop.flow.cells import cells_of
from wattloop.flow.hardware import build_hardware
from wattloop.flow.own_array import own_rtl_array
from wattloop.flow.progress import SILENT, Progress
from wattloop.flow.settings import HardwareSettings, Settings
from wattloop.gates.spec import ArraySpec
from wattloop.store import Store

_SIMULATORS = ("icarus", "verilator")


@dataclass(frozen=True)
class ArrayScope:
    """What is checked.

    Attributes:
        sizes: rows and columns of the arrays in gates.
        templates: of the MACs (`gates.templates`); `hardware.own_mac` is checked as well, or alone if there are none.
        simulators: of the arrays in gates, and of a user's Verilog.
        rtl: rows and columns of the array in RTL; 0 for none.
        seed: of the tiles.
    """

    sizes: tuple[int, ...] = (4, 8)
    templates: tuple[str, ...] = ("array", "booth")
    simulators: tuple[str, ...] = _SIMULATORS
    rtl: int = 64
    seed: int = 0

    def __post_init__(self) -> None:
        for size in (*self.sizes, self.rtl or 2):
            if not 2 <= size <= 64:
                raise ConfigError(f"an array of {size} rows is too small or too large to check: give 2 to 64")
        unknown = sorted(set(self.simulators) - set(_SIMULATORS))
        if unknown:
            raise ConfigError(f"unknown simulator {unknown[0]!r}; known: {', '.join(_SIMULATORS)}")


def verify_array(
    settings: Settings, scope: ArrayScope | None = None, *, store: Store | None = None, progress: Progress = SILENT
) -> tuple[Check, ...]:
    """Check what the engine promises of whole arrays, net by net and cell by cell.

    Three tiles an array: one fills it, one leaves rows and columns, one leaves columns. They follow other weights in
    every cell.

    Args:
        settings: the library, the clock and how partial sums enter; of the array in RTL all of the hardware. The cells
            of the arrays in gates are those of `scope.templates`, whole, and a user's.
        scope: how much is checked.
        store: cache.
        progress: told of every step.

    Raises:
        ToolError: Icarus, Verilator or Yosys is missing or failed.
    """
    scope, store = scope or ArrayScope(), store or Store()
    return tuple(_checks(settings, scope, store, progress))


def _checks(settings: Settings, scope: ArrayScope, store: Store, progress: Progress) -> Iterator[Check]:
    for name, hardware in cells_of(settings.hardware, scope.templates).items():
        cell = build_hardware(hardware, store=store, progress=progress).synthesis
        for size in scope.sizes:
            spec = replace(hardware.array, rows=size, cols=size)
            shapes = [(size, size, size), (size - 1, size // 2, size), (size, 1, 2)]
            for simulator in scope.simulators:
                with progress.step(f"simulating {size}x{size} {name} cells in gates with {simulator}"):
                    yield from gate_array(cell, spec, random_tiles(spec, shapes, scope.seed), simulator, store)
    if scope.rtl:
        spec = replace(settings.hardware.array, rows=scope.rtl, cols=scope.rtl)
        yield from _rtl_checks(settings.hardware, spec, scope, store, progress)


def _rtl_checks(
    hardware: HardwareSettings, spec: ArraySpec, scope: ArrayScope, store: Store, progress: Progress
) -> Iterator[Check]:
    """Of the array in RTL; a user's netlist has none, and its arrays in gates are all that there is."""
    cell = build_hardware(hardware, store=store, progress=progress).synthesis
    [tile] = random_tiles(spec, [(scope.rtl, scope.rtl, spec.pixels)], scope.seed)
    if hardware.own_mac is None:
        with progress.step(f"simulating {scope.rtl}x{scope.rtl} cells in RTL with verilator"):
            yield from rtl_array(spec, tile, Engine(cell.netlist), store)
    elif hardware.own_mac.netlist is None:
        for simulator in scope.simulators:
            with progress.step(f"simulating {scope.rtl}x{scope.rtl} cells of your Verilog with {simulator}"):
                yield own_rtl_array(cell, spec, tile, simulator, store)
