"""Compiled simulations in the cache, and cocotb tests run in them (through cocotb-test).

cocotb-test compiles and runs in one go and in one folder. Here the two are apart: the compiled simulation is a
cache entry that several processes may run at once, each in a working folder of its own.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import cocotb
import cocotb_test.simulator as cocotb_test

from wattloop import resources, tools
from wattloop.errors import ConfigError, ToolError
from wattloop.store import Store, content_key

SIMULATORS: dict[str, type[cocotb_test.Simulator]] = {
    "icarus": cocotb_test.Icarus,
    "verilator": cocotb_test.Verilator,
}

LOG = "simulation.log"

_TOOL_OF = {"icarus": "iverilog", "verilator": "verilator"}
# One level of C++ optimisation for everything; -O0 where a simulation runs for less time than it compiles.
_MAKE_ARGS = {
    True: ("OPT_FAST=-O2", "OPT_SLOW=-O0", "OPT_GLOBAL=-O0"),
    False: ("OPT_FAST=-O0", "OPT_SLOW=-O0", "OPT_GLOBAL=-O0"),
}
# Two-state is enough, since everything is reset; one C++ file compiles faster than many.
_VERILATOR_ARGS = ("--x-assign", "fast", "--x-initial", "fast", "--output-split", "0")
_TIMESCALE = "1ns/1ps"


@dataclass(frozen=True)
class Build:
    """A compiled simulation.

    Attributes:
        simulator: "icarus" or "verilator".
        top: the top module.
        program: the file that runs.
    """

    simulator: str
    top: str
    program: Path

    def run(
        self,
        module: str,
        *,
        work_dir: Path,
        env: Mapping[str, str] | None = None,
        testcase: str | None = None,
    ) -> int:
        """Run the cocotb tests of a testbench module, and keep the simulator's output in `work_dir`/simulation.log.

        Args:
            module: name of a Python module in `testbenches/`.
            work_dir: working folder of the simulator, made if it is not there.
            env: added to the simulator's environment.
            testcase: regular expression of the tests to run; all by default.

        Returns:
            how many tests passed, at least 1.

        Raises:
            ToolError: a test failed, the simulator crashed, or there was no test to run.
        """
        work_dir.mkdir(parents=True, exist_ok=True)
        with _surroundings(env or {}), _logged_to(work_dir / LOG):
            simulation = self._simulation(module, work_dir, testcase)
            try:
                results = Path(simulation.run())
            except (SystemExit, ElementTree.ParseError) as error:
                tail = " | ".join((work_dir / LOG).read_text().strip().splitlines()[-5:])
                raise ToolError(f"{self.simulator} run of {module} failed: {error} {tail}") from None
        passed = _count_passed(results)
        results.unlink()
        if not passed:
            raise ToolError(f"{self.simulator} run of {module}: no test ran (wanted: {testcase or 'any'})")
        return passed

    def _simulation(self, module: str, work_dir: Path, testcase: str | None) -> cocotb_test.Simulator:
        simulation = SIMULATORS[self.simulator](
            toplevel=self.top,
            module=module,
            sim_build=str(work_dir),
            python_search=[str(resources.folder("testbenches"))],
            testcase=testcase,
            seed=1,
        )
        command = [str(self.program)]
        if self.simulator == "icarus":
            simulation.sim_file = str(self.program)
            command = simulation.run_command()
        simulation.build_command = lambda: [command]
        return simulation


def build(
    top: str,
    sources: Sequence[Path],
    *,
    simulator: str,
    store: Store | None = None,
    internals: bool = False,
    optimise: bool = False,
    defines: Sequence[str] = (),
) -> Build:
    """Compile a simulation, or find it in the cache.

    Args:
        top: the top module.
        sources: SystemVerilog files, each after those that it instantiates.
        simulator: "icarus" or "verilator".
        store: the cache.
        internals: the testbench reads signals below the top module (slow to compile in Verilator where there are many).
        optimise: worth it for runs that take longer than the compilation.
        defines: Verilog macros, `NAME` or `NAME=value`.

    Raises:
        ConfigError: unknown simulator.
        ToolError: a tool is missing or refuses the sources; the message holds its last lines.
    """
    if simulator not in SIMULATORS:
        raise ConfigError(f"unknown simulator {simulator!r}; known: {', '.join(sorted(SIMULATORS))}")
    tool = _TOOL_OF[simulator]
    tools.find(tool)
    options = {"internals": internals, "optimise": optimise, "defines": list(defines), "timescale": _TIMESCALE}
    texts = {path.name: path.read_bytes() for path in sources}
    # The program holds the path of cocotb's libraries.
    environment = [cocotb.__version__, cocotb.__file__, tools.version(tool)]
    key = content_key(simulator, environment, top, list(texts), texts, options, _VERILATOR_ARGS, _MAKE_ARGS[optimise])

    place = store or Store()

    def compile_into(folder: Path) -> None:
        if simulator == "verilator" and any(map(str.isspace, str(folder))):
            raise ToolError(
                f"the makefiles of Verilator cannot cope with the space in {folder}: "
                "set WATTLOOP_CACHE to a folder without one, or take another simulator"
            )
        command = _command(simulator, top, sources, folder, defines)
        if simulator == "icarus":
            tools.run_path(Path(command[0]), command[1:], cwd=folder)
        else:
            _verilate(command, folder, internals=internals, make_args=_MAKE_ARGS[optimise], store=place)
        _keep_only(folder, _program(simulator, top))

    entry = place.entry("simulation", key, compile_into)
    return Build(simulator=simulator, top=top, program=entry / _program(simulator, top))


def _command(simulator: str, top: str, sources: Sequence[Path], folder: Path, defines: Sequence[str]) -> list[str]:
    """The compiler's command line, as cocotb-test puts it together."""
    with _surroundings({}), _logged_to(folder / LOG):
        simulation = SIMULATORS[simulator](
            toplevel=top,
            module="",
            sim_build=str(folder),
            verilog_sources=[str(path.resolve()) for path in sources],
            compile_only=True,
            timescale=_TIMESCALE,
            defines=list(defines),
            **({"compile_args": list(_VERILATOR_ARGS)} if simulator == "verilator" else {}),
        )
        command: list[str] = simulation.build_command()[0]
    return command


def _program(simulator: str, top: str) -> str:
    return f"{top}.vvp" if simulator == "icarus" else top


def _verilate(command: list[str], folder: Path, *, internals: bool, make_args: Sequence[str], store: Store) -> None:
    """Run cocotb-test's Verilator command and then make, with Verilator's run-time library from the cache."""
    if not internals:
        at = command.index("--public-flat-rw")
        command = [*command[:at], "--public-depth", "1", *command[at + 1 :]]
    tools.run_path(Path(command[0]), command[1:], cwd=folder)

    listing = (folder / "Vtop_classes.mk").read_text()
    runtime = [f"{name}.o" for name in ("verilated", "verilated_vpi", "verilated_threads") if f"  {name} " in listing]
    features = [line for line in listing.splitlines() if line.startswith("VM_") and "+=" not in line]

    def compile_runtime(place: Path) -> None:
        tools.run("make", ["-C", folder, "-f", "Vtop.mk", *make_args, *runtime], cwd=folder)
        for name in runtime:
            shutil.copy(folder / name, place)

    key = content_key(tools.version("verilator"), tools.version("g++"), features, runtime, list(make_args))
    objects = store.entry("verilator-runtime", key, compile_runtime)
    for name in runtime:
        shutil.copyfile(objects / name, folder / name)  # newer than the makefile: make leaves it alone
    tools.run("make", ["-C", folder, "-f", "Vtop.mk", *make_args], cwd=folder)


def _keep_only(folder: Path, name: str) -> None:
    for path in folder.iterdir():
        if path.name != name:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _count_passed(results: Path) -> int:
    cases = ElementTree.parse(results).iter("testcase")
    return sum(all(case.find(tag) is None for tag in ("failure", "error", "skipped")) for case in cases)


@contextlib.contextmanager
def _surroundings(extra: Mapping[str, str]) -> Iterator[None]:
    """What cocotb-test takes from this process or changes in it: environment, signal handlers, warning filters."""
    before = dict(os.environ)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    os.environ.update({**tools.environment(), **extra})
    for name in ("COCOTB_RESULTS_FILE", "WAVES"):
        os.environ.pop(name, None)
    try:
        with warnings.catch_warnings():
            yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        with contextlib.suppress(ValueError):  # not the main thread: nothing was changed
            for number, handler in handlers.items():
                signal.signal(number, handler)


@contextlib.contextmanager
def _logged_to(path: Path) -> Iterator[None]:
    """Send the "cocotb" logger, which cocotb-test prints everything through, to a file instead of the console."""
    logger, root_handlers = logging.getLogger("cocotb"), logging.root.handlers[:]
    before = logger.propagate, logger.level
    handler = logging.FileHandler(path, mode="w")
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        handler.close()
        logger.propagate = before[0]
        logger.setLevel(before[1])
        logging.root.handlers[:] = root_handlers
