"""Whole arrays against the engine: netlists in both simulators, the RTL in Verilator."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from wattloop.activity.bitparallel.array_contract import gate_array, random_tiles, rtl_array
from wattloop.activity.bitparallel.contract import Check
from wattloop.activity.bitparallel.engine import Engine
from wattloop.errors import ConfigError
from wattloop.flow.progress import SILENT, Progress
from wattloop.flow.settings import Settings
from wattloop.gates.libraries import resolve
from wattloop.gates.synthesis import run_synthesis
from wattloop.gates.templates import chosen
from wattloop.store import Store

_SIMULATORS = ("icarus", "verilator")


@dataclass(frozen=True)
class ArrayScope:
    """What is checked.

    Attributes:
        sizes: rows and columns of the arrays in gates.
        templates: of the MACs (`gates.templates`).
        simulators: of the arrays in gates.
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
            of the arrays in gates are those of `scope.templates`, whole.
        scope: how much is checked.
        store: cache.
        progress: told of every step.

    Raises:
        ToolError: Icarus, Verilator or Yosys is missing or failed.
    """
    scope, store = scope or ArrayScope(), store or Store()
    return tuple(_checks(settings, scope, store, progress))


def _checks(settings: Settings, scope: ArrayScope, store: Store, progress: Progress) -> Iterator[Check]:
    hardware = settings.hardware
    library = resolve(hardware.library)
    for template, mac in chosen(scope.templates).items():
        cell = run_synthesis(mac, library, clock_ps=hardware.clock_ps, store=store)
        for size in scope.sizes:
            spec = replace(hardware.array, rows=size, cols=size, mac=mac)
            shapes = [(size, size, size), (size - 1, size // 2, size), (size, 1, 2)]
            for simulator in scope.simulators:
                with progress.step(f"simulating {size}x{size} {template} cells in gates with {simulator}"):
                    yield from gate_array(cell, spec, random_tiles(spec, shapes, scope.seed), simulator, store)
    if scope.rtl:
        spec = replace(hardware.array, rows=scope.rtl, cols=scope.rtl)
        engine = Engine(run_synthesis(spec.mac, library, clock_ps=hardware.clock_ps, store=store).netlist)
        with progress.step(f"simulating {scope.rtl}x{scope.rtl} cells in RTL with verilator"):
            [tile] = random_tiles(spec, [(scope.rtl, scope.rtl, spec.pixels)], scope.seed)
            yield from rtl_array(spec, tile, engine, store)
