"""`wattloop doctor`: what wattloop needs from outside, which version is there, where, and how to get what is not."""

from __future__ import annotations

import hashlib
import importlib.metadata
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from wattloop import tools
from wattloop.cli import output
from wattloop.cli.options import Json
from wattloop.errors import ToolError
from wattloop.flow.settings import HardwareSettings

if TYPE_CHECKING:
    from wattloop.gates.libraries import Source


@dataclass(frozen=True)
class Finding:
    """One thing that wattloop needs.

    Attributes:
        name: tool, library or package.
        kind: "tool", "library" or "package".
        purpose: what for.
        version: of what was found; empty if nothing was.
        where: path of what was found.
        remedy: how to get it, empty if it is there.
        optional: everything but its purpose works without it.
    """

    name: str
    kind: str
    purpose: str
    version: str = ""
    where: str = ""
    remedy: str = ""
    optional: bool = False


def examine() -> list[Finding]:
    """All findings: tools, Liberty libraries, PyTorch."""
    return [*map(_tool, tools.TOOLS.values()), *_libraries(), _torch()]


def command(as_json: Json = False) -> None:
    """List every external tool and library: version, place, and what to do about a missing one."""
    findings = examine()
    if as_json:
        output.print_json({"findings": findings})
    else:
        rows = [(f.name, _state(f), f.version, f.remedy or f.where, f.purpose) for f in findings]
        output.print_table("What wattloop needs", ("name", "state", "version", "where, or how to get it", "for"), rows)
    if any(finding.remedy and not finding.optional for finding in findings):
        raise typer.Exit(2)


def _state(finding: Finding) -> str:
    if not finding.remedy:
        return "ok"
    state = "wrong" if finding.where else "missing"
    return f"{state} (optional)" if finding.optional else state


def _tool(tool: tools.Tool) -> Finding:
    try:
        path = str(tools.find(tool.name))
        version = tools.version(tool.name)
    except ToolError:
        return Finding(tool.name, "tool", tool.purpose, remedy=tool.remedy, optional=tool.optional)
    return Finding(tool.name, "tool", tool.purpose, version, path, optional=tool.optional)


def _libraries() -> list[Finding]:
    from wattloop.gates.libraries import LIBRARIES

    return [_library(name, source) for name, source in LIBRARIES.items()]


def _library(name: str, source: Source) -> Finding:
    optional = name != HardwareSettings().library
    path = source.locate()
    if path is None:
        return Finding(name, "library", source.about, remedy=source.install, optional=optional)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    remedy = "" if digest == source.sha256 else f"not the file that wattloop knows; {source.install}"
    return Finding(name, "library", source.about, f"SHA-256 {digest[:12]}", str(path), remedy, optional)


def _torch() -> Finding:
    """PyTorch by its metadata alone: importing it takes seconds."""
    purpose = "training and compression"
    try:
        distribution = importlib.metadata.distribution("torch")
    except importlib.metadata.PackageNotFoundError:
        return Finding("torch", "package", purpose, remedy="pip install torch (the CPU build is enough)")
    return Finding("torch", "package", purpose, distribution.version, str(distribution.locate_file("torch")))
