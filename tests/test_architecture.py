"""Imports point one way only; docs/architecture.md draws the picture."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "py" / "wattloop"
BASE = {"errors", "logs", "checks", "config", "tools", "store", "resources", "runs", "parallel", "upkeep", "own_code"}
ARITH = BASE | {"gates.spec", "arith"}
GATES = ARITH | {"gates"}
POWER = GATES | {"activity", "power"}
TIMED = POWER | {"timing"}
# Room -> what it may import of the package: a room, or one module of it.
ALLOWED = {
    "errors": set(),
    "checks": {"errors"},
    "config": {"errors"},
    "resources": {"errors"},
    "logs": set(),
    "own_code": {"errors"},
    "store": {"errors", "logs"},
    "tools": {"errors", "logs"},
    "runs": BASE,
    "upkeep": {"errors", "store"},
    "parallel": {"errors", "parallel"},
    "arith": ARITH,
    "gates": GATES,
    "activity": GATES | {"activity"},
    "power": POWER,
    "timing": GATES | {"activity", "timing"},
    "own": GATES | {"own"},
    "nn": ARITH | {"nn"},
    "compression": ARITH | {"nn", "compression", "power.oracle"},
    "report": TIMED | {"compression", "report"},
    "flow": TIMED | {"own", "nn", "compression", "report", "flow"},
    "cli": TIMED | {"own", "nn", "compression", "report", "flow", "cli"},
    "__main__": {"cli"},
    "__init__": TIMED | {"own", "nn", "compression", "report", "flow"},
}
ONLY_IN = {
    "subprocess": ("tools", "activity.cosim"),
    "cocotb": ("activity.cosim",),
    "cocotb_test": ("activity.cosim",),
    "cocotb_tools": ("activity.cosim",),
    "torch": ("nn", "compression"),
    "distributed": ("parallel.places",),
    "onnx": ("nn.interchange.library",),
    "typer": ("cli",),
    "rich": ("cli",),
}
MODULES = sorted(PACKAGE.rglob("*.py"))
TESTBENCHES = sorted((PACKAGE.parent.parent / "testbenches").glob("*.py"))


def test_every_folder_with_modules_is_a_package() -> None:
    """In a namespace package pytest would import a module under another name and leave a module called `py` behind."""
    assert {path.parent for path in MODULES} == {path.parent for path in MODULES if path.name == "__init__.py"}


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def within(module: str, rooms: set[str] | tuple[str, ...]) -> bool:
    return any(module == room or module.startswith(f"{room}.") for room in rooms)


def test_there_is_a_package_to_look_at() -> None:
    assert len(MODULES) > 40


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_point_one_way(path: Path) -> None:
    module = name_of(path)
    room = module.split(".")[0]
    for imported in imports(path):
        top, _, inner = imported.partition(".")
        if top == "wattloop" and inner:
            # `from wattloop.gates import spec` yields both wattloop.gates and wattloop.gates.spec.
            package = any(allowed.startswith(f"{inner}.") for allowed in ALLOWED[room])
            assert within(inner, ALLOWED[room]) or package, f"{module} must not import {inner}"
        assert top not in ONLY_IN or within(module, ONLY_IN[top]), f"{module} must not import {top}"


def test_what_is_imported_is_declared() -> None:
    """A package that happens to be installed here would be missing from a fresh environment."""
    project = tomllib.loads((PACKAGE.parent.parent / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    lines = project["dependencies"] + extras["cluster"] + extras["onnx"]
    declared = {canonical(re.split(r"[^\w.-]", line)[0]) for line in lines}
    found = {imported.partition(".")[0] for path in MODULES + TESTBENCHES for imported in imports(path)}
    foreign = found - set(sys.stdlib_module_names) - {"wattloop"} - {path.stem for path in TESTBENCHES}
    providers = importlib.metadata.packages_distributions()
    assert len(foreign) > 10
    assert [name for name in sorted(foreign) if not {canonical(p) for p in providers[name]} & declared] == []


def canonical(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def test_no_module_shadows_the_standard_library_once_cocotb_puts_its_folder_on_the_path() -> None:
    assert not {path.stem for path in MODULES + TESTBENCHES} & {"select", "queue", "types", "logging", "random"}


def test_the_rules_catch_what_they_forbid() -> None:
    assert not within("cli.main", ALLOWED["flow"])
    assert not within("power.energy", ALLOWED["compression"])
    assert within("power.oracle", ALLOWED["compression"])
    assert not within("nn.train", ONLY_IN["cocotb"])
