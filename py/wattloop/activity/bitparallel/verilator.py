"""The yardstick of the zero-delay mode: the same vectors through Verilator, one scalar net a wire, as fast as it goes.

The netlist's flip-flops are cut, so that one evaluation is one vector, and every gate is one assignment: both spare
Verilator work that a netlist of cell instances with a clock would give it. Stimulus comes from memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from wattloop import tools
from wattloop.activity.bitparallel.circuit import Circuit
from wattloop.activity.bitparallel.drive import planes_of
from wattloop.activity.bitparallel.icarus import source_bits
from wattloop.activity.stimulus import Stimulus
from wattloop.errors import AnnotationError
from wattloop.gates.netlist import Netlist
from wattloop.store import Store, content_key

# Verilator leaves names that begin with "_" out unless it is told otherwise, and synthesis calls its nets so.
_COVERAGE = ("--coverage-toggle", "--coverage-underscore")
_FLAGS = ("--cc", "--exe", "--build", "-O3", "--x-assign", "fast", "--top", "yardstick", "-Wno-fatal")
_CFLAGS = "-O3 -march=native"
_MAIN = Path(__file__).resolve().parent / "native" / "yardstick.cpp"
_POINT = re.compile(r"\x01o\x02n(\d+):[01]->[01]\x01.* (\d+)$")


@dataclass(frozen=True)
class VerilatorRun:
    """What one run took and found.

    Attributes:
        seconds: of evaluation alone, start and reading of the stimulus left out.
        vectors: how many were evaluated.
        toggles: of each net over all steps of all lanes, in the order of the netlist; None where none were counted.
    """

    seconds: float
    vectors: int
    toggles: npt.NDArray[np.int64] | None


@dataclass(frozen=True)
class Yardstick:
    """A compiled simulation of a netlist.

    Attributes:
        netlist: the netlist.
        circuit: the same, cut.
        program: the executable.
        counting: it counts toggles on all nets.
    """

    netlist: Netlist
    circuit: Circuit
    program: Path
    counting: bool

    def run(self, stimulus: Stimulus, folder: Path) -> VerilatorRun:
        """Evaluate every vector of `stimulus`, lane after lane; `folder` takes files.

        Raises:
            AnnotationError: Verilator counted toggles of some nets only.
        """
        vectors = write_vectors(self.netlist, self.circuit, stimulus, folder / "vectors.bin")
        found = tools.run_path(self.program, ["vectors.bin", "coverage.dat"], cwd=folder).split()
        toggles = self._toggles(folder / "coverage.dat") if self.counting else None
        return VerilatorRun(float(found[0]), vectors, toggles)

    def _toggles(self, coverage: Path) -> npt.NDArray[np.int64]:
        """Rises and falls of every net; the first vector's count as from 0."""
        found = np.zeros(self.circuit.nets, np.int64)
        seen = set()
        for line in coverage.read_text(errors="replace").splitlines():
            point = _POINT.search(line)
            if point:
                found[int(point[1])] += int(point[2])
                seen.add(int(point[1]))
        wanted = {*self.circuit.sources, *(gate.output for gate in self.circuit.gates)}
        if wanted - seen:
            raise AnnotationError(f"Verilator counted toggles of {len(wanted & seen)} of {len(wanted)} nets")
        return found


def compile_yardstick(netlist: Netlist, circuit: Circuit, *, counting: bool, store: Store | None = None) -> Yardstick:
    """Compile the netlist with or without toggle counting, or take it from the cache.

    Raises:
        ToolError: Verilator or the compiler is missing or fails.
    """
    source, main = "\n".join(_lines(circuit)) + "\n", _MAIN.read_bytes()
    flags = [*_FLAGS, *(_COVERAGE if counting else ()), "-CFLAGS", _CFLAGS]
    key = content_key(source, main, flags, tools.version("verilator"), tools.version("g++"))

    def build(folder: Path) -> None:
        (folder / "yardstick.sv").write_text(source)
        (folder / "main.cpp").write_bytes(main)
        tools.run("verilator", [*flags, "main.cpp", "yardstick.sv"], cwd=folder, log=folder / "log.txt")

    entry = (store or Store()).entry("yardstick", key, build)
    return Yardstick(netlist, circuit, entry / "obj_dir" / "Vyardstick", counting)


def write_vectors(netlist: Netlist, circuit: Circuit, stimulus: Stimulus, path: Path) -> int:
    """Write one record of 32-bit words a vector, bit k being source k, and return how many there are."""
    plane = {net: k for k, net in enumerate(circuit.sources)}
    bits = source_bits(stimulus, planes_of(netlist, stimulus, plane), len(plane))
    padded = np.zeros((len(bits), -(-len(plane) // 32) * 32), np.uint8)
    padded[:, : len(plane)] = bits
    np.packbits(padded, axis=1, bitorder="little").tofile(path)
    return len(bits)


def _lines(circuit: Circuit) -> Iterator[str]:
    yield "/* verilator coverage_off */"  # the ports' bits are nets inside
    yield f"module yardstick(input wire [{len(circuit.sources) - 1}:0] now,"
    yield f"                 output wire [{len(circuit.ends) - 1}:0] ends);"
    yield "/* verilator coverage_on */"
    for net, value in circuit.constants.items():
        yield f"  wire n{net} = 1'b{value};"
    for k, net in enumerate(circuit.sources):
        yield f"  wire n{net} = now[{k}];"
    for gate in circuit.gates:
        text = gate.function.text.replace("ZERO", "1'b0")
        for k, net in enumerate(gate.inputs):
            text = text.replace(f"X({k})", f"n{net}")
        yield f"  wire n{gate.output} = {text};"
    for k, net in enumerate(circuit.ends):
        yield f"  assign ends[{k}] = n{net};"
    yield "endmodule"
