"""Waveforms (VCD, FST) from any simulator, read by pywellen: toggles and time at 1 of every bit of a scope."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np
import numpy.typing as npt

from wattloop import parallel
from wattloop.activity.interchange.recording import Count, Seen, scope_error
from wattloop.errors import ActivityFileError, WorkerError
from wattloop.gates.netlist import Netlist

Int = npt.NDArray[np.int64]
Node = Any  # pywellen publishes no types
Result = TypeVar("Result")

_PS = {0: 1e12, -3: 1e9, -6: 1e6, -9: 1e3, -12: 1.0, -15: 1e-3, -18: 1e-6, -21: 1e-9}
_FST_HEADER = struct.Struct(">BQQQ")  # block type 0, its length, first and last time
_CHUNK = 1 << 16
_VCD_TIME = re.compile(rb"^\s*#(\d{1,18})\s", re.MULTILINE)
_BIT = re.compile(r"(.*)\[-?\d+\]$", re.DOTALL)
_LIMIT_MIB = 8192


def read_waves(path: str | Path, scope: str, netlist: Netlist) -> Seen:
    """Activity of the instance at `scope`.

    Unknown and undriven values count neither as 1 nor as toggles; a bit toggles when its next known value is another.

    Args:
        path: a VCD or FST file.
        scope: names of instances from the top, with `/` between them: "tb/m".
        netlist: tells which bits a vector of the file has, whose ranges pywellen does not.

    Raises:
        ActivityFileError: unreadable, damaged, without time, or without that scope.
    """
    path = Path(path)
    start, end = _span(path)
    waveform = _open(path)
    tick_ps = _tick_ps(path, waveform)
    ranges = _ranges(netlist)
    counts: dict[str, Count] = {}
    for prefix, variables in _variables(path, waveform, scope):
        for name, variable in variables.items():
            bits = _bits(prefix + name, int(variable.bitwidth), ranges)
            counts |= _counts(path, variable, bits, start, end)
    return Seen(str(path), counts, float(end - start), tick_ps)


def read_waves_apart(path: str | Path, scope: str, netlist: Netlist) -> Seen:
    """`read_waves` in a process of its own: the library that reads is no Python, and some damage makes it abort.

    Raises:
        ActivityFileError: see `read_waves`, or the reader died of the file.
    """
    try:
        with parallel.processes(1) as workers:
            (seen,) = workers.map(read_waves, [(path, scope, netlist)])
    except WorkerError as error:
        raise ActivityFileError(f"{path} kills the reader of VCD and FST files: record it again") from error
    return seen


def _span(path: Path) -> tuple[int, int]:
    """First and last time: pywellen tells the last change only."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(_FST_HEADER.size)
            is_fst = len(head) == _FST_HEADER.size and head[0] == 0
            start, end = _FST_HEADER.unpack(head)[2:] if is_fst else _vcd_span(file, size)
    except OSError as error:
        raise ActivityFileError(f"cannot read {path}: {error.strerror}; give the path of a VCD or FST file") from error
    if size > _LIMIT_MIB << 20:
        raise ActivityFileError(f"{path} holds more than {_LIMIT_MIB} MiB: record a shorter run, or write SAIF")
    if not 0 <= start < end < 1 << 62:
        raise ActivityFileError(f"{path} is no VCD or FST file with a beginning and an end: record it again")
    return start, end


def _vcd_span(file: IO[bytes], size: int) -> tuple[int, int]:
    file.seek(0)
    start, kept = None, b""
    while start is None and (chunk := file.read(_CHUNK)):
        match = _VCD_TIME.search(kept + chunk)
        start = int(match[1]) if match else None
        kept = chunk[-32:]
    file.seek(max(0, size - _CHUNK))
    ends = _VCD_TIME.findall(file.read(_CHUNK) + b"\n")
    return start or 0, int(ends[-1]) if ends else 0


def _open(path: Path) -> Node:
    import pywellen

    return _guarded(path, lambda: pywellen.Waveform(str(path), multi_threaded=False))


def _guarded(path: Path, call: Callable[[], Result]) -> Result:
    try:
        return call()
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic of the library, which is Rust, is no Exception
        what = " ".join(str(error).split())[:200]
        raise ActivityFileError(f"{path} is no sound VCD or FST file ({what}): record it again") from error


def _tick_ps(path: Path, waveform: Node) -> float:
    timescale = waveform.timescale
    exponent = None if timescale is None else timescale.unit.to_exponent()
    if exponent not in _PS or not timescale.factor:
        raise ActivityFileError(f"{path} has no timescale: record it again with one")
    return float(timescale.factor) * _PS[exponent]


def _variables(path: Path, waveform: Node, scope: str) -> Iterator[tuple[str, dict[str, Node]]]:
    """Variables by name, of the scope and of all scopes below it, each with its path from there."""
    wanted = tuple(scope.strip("/").split("/"))
    known: list[str] = []
    stack: list[tuple[tuple[str, ...], Node]] = [((), node) for node in _guarded(path, lambda: list(waveform.scopes()))]
    while stack:
        above, node = stack.pop()
        here = (*above, _plain(node.name))
        known.append("/".join(here))
        stack += [(here, child) for child in node.scopes()]
        if here[: len(wanted)] == wanted:
            yield "".join(f"{name}/" for name in here[len(wanted) :]), _distinct(node)
    if "/".join(wanted) not in known:
        raise scope_error(str(path), scope, known)


def _distinct(node: Node) -> dict[str, Node]:
    """A scope's variables; of several with one name nobody can tell which bit each is, so they are left out."""
    named: dict[str, list[Node]] = {}
    for variable in node.vars():
        if variable.bitwidth and not variable.is_real and not variable.is_string:
            named.setdefault(_plain(variable.name), []).append(variable)
    return {name: same[0] for name, same in named.items() if len(same) == 1}


def _ranges(netlist: Netlist) -> dict[str, list[str]]:
    """Bits of each vector of the netlist, least significant first."""
    ranges: dict[str, list[str]] = {}
    for name in netlist.aliases:
        if match := _BIT.match(name):
            ranges.setdefault(match[1], []).append(name)
    return ranges


def _bits(name: str, width: int, ranges: Mapping[str, list[str]]) -> list[str]:
    known = ranges.get(name, [])
    if len(known) == width:
        return known
    return [name] if width == 1 else [f"{name}[{bit}]" for bit in range(width)]


def _counts(path: Path, variable: Node, bits: list[str], start: int, end: int) -> dict[str, Count]:
    changes = _guarded(path, lambda: list(variable.signal))
    times = np.array([min(max(t, start), end) for t, _ in changes] + [end], np.int64)
    columns = _columns([value for _, value in changes], len(bits))
    return {name: _count(times, column) for name, column in zip(bits, columns, strict=True)}


def _columns(values: list[Any], width: int) -> list[Int]:
    """Value of each bit after each change, least significant bit first: 0, 1, or -1 where it is neither."""
    codes = {"0": 0, "1": 1}
    texts = [v.rjust(width, "0") if isinstance(v, str) else format(int(v), f"0{width}b") for v in values]
    return [np.array([codes.get(text[width - 1 - bit], -1) for text in texts], np.int64) for bit in range(width)]


def _count(times: Int, values: Int) -> Count:
    high = np.diff(times)[values == 1].sum()
    known = values[values >= 0]
    return Count(float((known[1:] != known[:-1]).sum()), float(high))


def _plain(name: str) -> str:
    return name.removeprefix("\\").strip()
