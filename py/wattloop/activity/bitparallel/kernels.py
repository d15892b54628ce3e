"""The native library: one kernel for each logic function, compiled once a set of functions and machine.

What is compiled depends on the cell library alone. A netlist is data: a list of numbers that the kernels walk
through, so a netlist that was never seen before costs no compilation.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from wattloop import tools
from wattloop.activity.bitparallel.functions import Function
from wattloop.activity.bitparallel.watch import MOST_WATCHED
from wattloop.store import Store, content_key

NATIVE = "native"
_HEADERS = Path(__file__).resolve().parent / "native"
_FLAGS = ("-O3", "-std=gnu++17", "-shared", "-fPIC", "-Wall", "-Wextra")
# Kernels before those of the functions: an input, an observed net, a weighted net, moves of cells with 1 to 6 inputs.
_FIXED = ("source", "observer", "weigh", *(f"moves<{n}>" for n in range(1, MOST_WATCHED + 1)))


@dataclass(frozen=True)
class Kernels:
    """A loaded native library.

    Attributes:
        index: kernel number of each function.
        run: the entry point `run(Program *, Run *)`; it gives up Python's lock while it works.
        peak: `peak(kind, rounds)` of `native/peak.h`.
        tile_streams: `tile_streams(Tiles *, first, last)` of `native/tiles.h`.
        source: C source (a GPU backend would print the same functions over the same program).
    """

    index: Mapping[Function, int]
    run: ctypes._NamedFuncPointer
    peak: ctypes._NamedFuncPointer
    tile_streams: ctypes._NamedFuncPointer
    source: str


def load(functions: Iterable[Function], store: Store | None = None, target: str = NATIVE) -> Kernels:
    """Kernels for `functions`, compiled if no earlier run did.

    Args:
        functions: what the cells compute.
        store: cache of compiled libraries.
        target: processor, as GCC's `-march` names it; "native" for this machine.

    Raises:
        ToolError: no C++ compiler, or it failed.
    """
    ordered = tuple(sorted(set(functions)))
    return _load(ordered, store or Store(), target)


@cache
def _load(functions: tuple[Function, ...], store: Store, target: str) -> Kernels:
    source = generate(functions)
    headers = {path.name: path.read_bytes() for path in sorted(_HEADERS.glob("*.h"))}
    flags = (f"-march={target}", *_FLAGS)
    key = content_key(source, headers, flags, tools.version("g++"), cpu_flags())

    def build(folder: Path) -> None:
        (folder / "kernels.cpp").write_text(source)
        tools.run(
            "g++", [*flags, "-I", _HEADERS, "-o", "kernels.so", "kernels.cpp"], cwd=folder, log=folder / "log.txt"
        )

    library = ctypes.CDLL(str(store.entry("bitparallel", key, build) / "kernels.so"))
    library.run.restype = ctypes.c_int
    library.peak.restype, library.peak.argtypes = ctypes.c_uint64, (ctypes.c_int, ctypes.c_int64)
    library.tile_streams.restype = ctypes.c_int
    library.tile_streams.argtypes = (ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
    index = {function: len(_FIXED) + k for k, function in enumerate(functions)}
    return Kernels(index, library.run, library.peak, library.tile_streams, source)


def forget() -> None:
    """Forget the libraries that are loaded, as in a new process; what is compiled stays in the store."""
    _load.cache_clear()


def cpu_flags() -> str:
    """What `-march=native` depends on: the instruction sets of this machine."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return "unknown"
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(("flags", "Features"))), "unknown")


def generate(functions: tuple[Function, ...]) -> str:
    """C source of the library."""
    zero, timed, settled = ([f"{mode}_{name}" for name in _FIXED] for mode in ("zero", "timed", "settled"))
    whole = ["zero_source_whole", *zero[1:]]
    lines = ['#include "cells.h"', "#define ZERO ((V){0})", ""]
    for k, function in enumerate(functions):
        lines += _kernel(k, function)
        zero.append(f"zero_{k}")
        whole.append(f"zero_{k}_whole")
        timed.append(f"timed_{k}")
        settled.append(f"timed_{k}_settle")
    for kind, name, entries in (
        ("ZeroKernel", "zero_kernels", zero),
        ("ZeroKernel", "whole_kernels", whole),
        ("TimedKernel", "timed_kernels", timed),
        ("TimedKernel", "settled_kernels", settled),
    ):
        lines += [f"static const {kind} {name}[] = {{", *(f"  {entry}," for entry in entries), "};"]
    lines += ["", '#include "run.h"', ""]
    return "\n".join(lines)


def _kernel(k: int, function: Function) -> list[str]:
    inputs = range(function.fan_in)

    def over(operand: str) -> str:
        text = function.text
        for i in inputs:
            text = text.replace(f"X({i})", operand.format(i=i))
        return text

    slots = " ".join(f"const V *const x{i} = SLOT({3 + i});" for i in inputs)
    lists = " ".join(f"const V *const x{i} = LIST({i}); const uint32_t m{i} = MOVED({i});" for i in inputs)
    moved = " | ".join(f"MOVED({i})" for i in inputs) or "0"
    return [
        f"// {function.text}",
        f"ZERO_KERNEL(zero_{k}, {function.fan_in}, {slots}, {over('x{i}[t]')}, out[t] = now)",
        f"TIMED_KERNEL(timed_{k}, {function.fan_in}, {moved}, {lists},",
        f"             {over('AT(x{i}, entry[{i}] & m{i})')},",
        f"             {over('STATE({i})')})",
    ]
