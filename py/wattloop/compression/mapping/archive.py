"""Mappings as a JSON file, by layer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cattrs
from cattrs.gen import make_dict_structure_fn

from wattloop.arith.mapping import HardwareMapping
from wattloop.errors import StorageError
from wattloop.store import storage_errors, write_atomic


def save_mappings(path: Path, mappings: Mapping[str, HardwareMapping]) -> None:
    """Write mappings by layer, whole or not at all.

    Raises:
        StorageError: the file cannot be written.
    """
    with storage_errors(path):
        write_atomic(path, json.dumps(plain(mappings), indent=1) + "\n")


def plain(mappings: Mapping[str, HardwareMapping]) -> dict[str, Any]:
    """Mappings as JSON says them."""
    found: dict[str, Any] = json.loads(json.dumps(_CONVERTER.unstructure(dict(mappings))))
    return found


def from_plain(found: dict[str, Any]) -> dict[str, HardwareMapping]:
    """What `plain` gave."""
    return dict(_CONVERTER.structure(found, dict[str, HardwareMapping]))


def load_mappings(path: Path) -> dict[str, HardwareMapping]:
    """Read what `save_mappings` wrote, equal to it.

    Raises:
        StorageError: missing, or no file of mappings; names what is wrong.
    """
    try:
        data = json.loads(path.read_bytes())
        if not isinstance(data, dict):
            raise ValueError("it holds no table of layers")
        return from_plain(data)
    except (OSError, ValueError, cattrs.BaseValidationError) as error:
        said = "; ".join(cattrs.transform_error(error)) if isinstance(error, cattrs.BaseValidationError) else str(error)
        raise StorageError(f"cannot read the mappings {path}: {said}; choose them again with wattloop map") from error


def _integer(value: object) -> int:
    if type(value) is not int:
        raise ValueError(f"{value!r} is no integer")
    return value


def _integers(value: object) -> tuple[int, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list):
        raise ValueError(f"{value!r} is no list of integers")
    return tuple(_integer(one) for one in value)


def _offset(value: object, _: Any) -> int | tuple[int, ...]:
    return (_integers(value) or ()) if isinstance(value, list) else _integer(value)


_CONVERTER = cattrs.Converter()
_CONVERTER.register_structure_hook_func(lambda kind: kind == int | tuple[int, ...], _offset)
_CONVERTER.register_structure_hook_func(lambda kind: kind == tuple[int, ...] | None, lambda value, _: _integers(value))
_CONVERTER.register_structure_hook(
    HardwareMapping, make_dict_structure_fn(HardwareMapping, _CONVERTER, _cattrs_forbid_extra_keys=True)
)
