"""Multipliers that come from outside: found, loaded, and refused in one line where they cannot be used."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from wattloop.errors import SpecError
from wattloop.gates.multipliers import FILES, Int64, Multiplier, own_fault
from wattloop.gates.variants import RESERVED, TAGS, VARIANTS

_ENTRY_POINTS = "wattloop.multipliers"
_IN_FILE = "MULTIPLIER"
_MOST_CODE_BITS = 16


def with_own(built_in: Mapping[str, Multiplier], files: str) -> Mapping[str, Multiplier]:
    """`built_in`, then those of installed packages, then those of `files` (paths, separated by `os.pathsep`).

    Raises:
        SpecError: one cannot be loaded or used; names it.
    """
    known = dict(built_in)
    for entry in importlib.metadata.entry_points(group=_ENTRY_POINTS):
        where = f"entry point {entry.name}"
        with own_fault(f"{where} cannot be loaded"):
            loaded = entry.load()
        found = _checked(loaded, where, known)
        known[found.name] = found
    for name in filter(None, files.split(os.pathsep)):
        found = _checked(_from_file(Path(name).resolve()), name, known)
        known[found.name] = found
    return known


def _from_file(path: Path) -> object:
    where = f"{FILES} names {path}"
    # Files of the same name may lie in several folders.
    name = f"wattloop_multiplier_{path.stem}_{hashlib.sha256(bytes(path)).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise SpecError(f"{where}, which is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their annotations up there
    with own_fault(f"{where}, which cannot be loaded"):
        spec.loader.exec_module(module)
    if not hasattr(module, _IN_FILE):
        raise SpecError(f"{where}, which has no {_IN_FILE}: assign your multiplier to that name")
    return getattr(module, _IN_FILE)


def _checked(found: object, where: str, known: Mapping[str, Multiplier]) -> Multiplier:
    """A multiplier from outside, if it can be used beside those that are `known`."""
    if not isinstance(found, Multiplier):
        raise SpecError(f"{where} gives a {type(found).__name__}: it has to be an instance of a subclass of Multiplier")
    for field in ("name", "title", "template"):
        value = getattr(found, field)
        if not (isinstance(value, str) and value and value.isprintable()):
            raise SpecError(f"{where}: its {field} is {value!r}: give a string of one line")
    _require_free(found.name, where, known)
    with own_fault(f"{where}: it cannot be hashed; give the dataclass hashable fields only"):
        hash(found)
    for bits in range(2, 9):
        _require_codes(found, bits, where)
    return found


def _require_free(name: str, where: str, known: Mapping[str, Multiplier]) -> None:
    if name in known:
        raise SpecError(f"{where}: a multiplier named {name!r} exists already; choose another name")
    if name in VARIANTS or name in RESERVED:
        taken = "a template" if name in VARIANTS else "a word of the commands"
        raise SpecError(f"{where}: {name!r} is the name of {taken} already; choose another name")
    if not (name.isascii() and name.isidentifier()):
        raise SpecError(
            f"{where}: the name {name!r} cannot be part of a module's name; use ASCII letters, digits and _"
        )
    if name.endswith(tuple(f"_{tag}" for tag in TAGS)):
        raise SpecError(
            f"{where}: the name {name!r} ends as module names tell options apart ({', '.join(f'_{t}' for t in TAGS)}); "
            "choose another name"
        )


def _require_codes(found: Multiplier, bits: int, where: str) -> None:
    """That its codes of `bits`-bit weights are weights of so many bits, and code 0 is 0."""
    values = _decoded(found, bits, where)
    least, most = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    if values[0] != 0:
        raise SpecError(f"{where}: code 0 of {bits}-bit weights must be weight 0, as reset leaves it")
    if values.min() < least or values.max() > most:
        raise SpecError(f"{where}: its {bits}-bit codes stand for weights beyond {least}..{most}")


def _decoded(found: Multiplier, bits: int, where: str) -> Int64:
    with own_fault(f"{where}: code_bits({bits}) fails"):
        width = found.code_bits(bits)
    if type(width) is not int or not 1 <= width <= _MOST_CODE_BITS:
        raise SpecError(f"{where}: code_bits({bits}) gives {width!r}: it has to be an int of 1 to {_MOST_CODE_BITS}")
    with own_fault(f"{where}: decode() of {bits}-bit weights fails"):
        values = found.decode(np.arange(1 << width, dtype=np.int64), bits)
    legal = f"it has to be an array of integers, of the shape of its codes ({1 << width},)"
    if not isinstance(values, np.ndarray):
        raise SpecError(f"{where}: decode() of {bits}-bit weights gives a {type(values).__name__}: {legal}")
    if values.shape != (1 << width,) or not np.issubdtype(values.dtype, np.integer):
        raise SpecError(
            f"{where}: decode() of {bits}-bit weights gives {values.dtype} of shape {values.shape}: {legal}"
        )
    return values
