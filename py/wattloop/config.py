"""Frozen dataclasses from TOML files and back; an error names the file, the line and the key.

The schema is the dataclasses themselves: keys are their fields, tables their nested dataclasses, legal values their
types and what their `__post_init__` accepts. Nothing is coerced but whole numbers to `float`.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import cattrs
import tomli_w
from cattrs.errors import AttributeValidationNote, ForbiddenExtraKeysError, IterableValidationNote
from cattrs.gen import make_dict_structure_fn

from wattloop.errors import ConfigError, WattloopError

# Settings take a few kB. A parser that is fed anything may need hours (keys of many thousand parts) or all memory.
MOST_BYTES = 1 << 16

T = TypeVar("T")
Keys = tuple[str, ...]


def read(cls: type[T], path: Path | None = None, overrides: Mapping[str, str] | None = None) -> T:
    """The settings in a TOML file, every key that it leaves out at its default.

    Args:
        cls: a frozen dataclass.
        path: the file; None for the defaults alone.
        overrides: values by dotted key ("hardware.clock_ps"), as written in TOML; bare words are strings.

    Raises:
        ConfigError: no such file, more than `MOST_BYTES`, not TOML, an unknown key, a value of the wrong type or out of
            range.
    """
    text = _read_text(path) if path is not None else ""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not TOML: {error}") from None
    except RecursionError:
        raise ConfigError(f"{path}: not settings: brackets within brackets beyond all measure") from None
    for key, value in (overrides or {}).items():
        _override(data, key, value)
    try:
        return _CONVERTER.structure(data, cls)
    except Exception as error:
        problem = next(_problems(error, (), cls))
        raise ConfigError(_located(problem, path, text, overrides or {})) from None


def dump(settings: object) -> str:
    """TOML text of a dataclass, every default written out; fields that are None are left out."""
    return tomli_w.dumps(_without_none(_CONVERTER.unstructure(settings)))


@dataclass(frozen=True)
class _Problem:
    keys: Keys
    message: str


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
        text = raw.decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ConfigError(f"{path}: cannot be read: {reason}") from None
    if len(raw) > MOST_BYTES:
        raise ConfigError(f"{path}: larger than {MOST_BYTES} bytes: not settings")
    return text.replace("\r\n", "\n")


def _override(data: dict[str, Any], key: str, value: str) -> None:
    *tables, last = key.split(".")
    for name in tables:
        inner = data.setdefault(name, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"{key}: {name} is a value, not a table of values")
        data = inner
    try:
        data[last] = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        data[last] = value


def _without_none(value: object) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(inner) for key, inner in value.items() if inner is not None}
    return [_without_none(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def _problems(error: BaseException, keys: Keys, cls: type) -> Iterator[_Problem]:
    """What is wrong, from the nested error groups of cattrs; the innermost keys first."""
    for note in getattr(error, "__notes__", ()):
        if isinstance(note, AttributeValidationNote):
            keys, cls = (*keys, note.name), note.type
        elif isinstance(note, IterableValidationNote):
            keys = (*keys, str(note.index))
    if isinstance(error, ExceptionGroup):
        for inner in error.exceptions:
            yield from _problems(inner, keys, getattr(error, "cl", cls))
    elif isinstance(error, ForbiddenExtraKeysError):
        for unknown in sorted(error.extra_fields):
            yield _Problem((*keys, unknown), _unknown(unknown, error.cl))
    elif isinstance(error, (WattloopError, _WrongValueError)):
        yield _Problem(_blamed(keys, str(error), cls), str(error))
    else:
        raise error


def _unknown(key: str, cls: type) -> str:
    legal = [field.name for field in fields(cls)] if is_dataclass(cls) else []
    near = difflib.get_close_matches(key, legal, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"unknown key{hint} (legal keys: {', '.join(sorted(legal))})"


def _blamed(keys: Keys, message: str, cls: type) -> Keys:
    """A check in `__post_init__` starts its message with the field's name, or the section's and then the field's."""
    names = {field.name for field in fields(cls)} if is_dataclass(cls) else set()
    named = [word for word in re.findall(r"\w+", message)[:2] if word in names]
    return (*keys, named[0]) if named else keys


def _located(problem: _Problem, path: Path | None, text: str, overrides: Mapping[str, str]) -> str:
    key = ".".join(problem.keys)
    if path is None or any(key == given or given.startswith(f"{key}.") for given in overrides):
        return f"{key}: {problem.message}" if key else problem.message
    line = _line_of(problem.keys, text)
    return f"{path}:{line}: {key}: {problem.message}" if key else f"{path}: {problem.message}"


def _line_of(keys: Keys, text: str) -> int:
    """Line of a key, or of the closest table around it (1 where there is none)."""
    seen: dict[Keys, int] = {(): 1}
    table: Keys = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[\[?([^\]]+)\]", line):
            named = table = _split(header[1])
        elif entry := re.match(r"\s*([\w\"'.\s-]+?)\s*=", line):
            named = (*table, *_split(entry[1]))
        else:
            continue
        for length in range(1, len(named) + 1):
            seen.setdefault(named[:length], number)
    return next(seen[keys[:length]] for length in range(len(keys), -1, -1) if keys[:length] in seen)


def _split(dotted: str) -> Keys:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))


class _WrongValueError(Exception):
    """A value of the wrong type, or not one of a `Literal`."""


def _scalar(value: object, cls: type) -> Any:
    if cls is float and type(value) is int:
        return float(value)
    if type(value) is not cls:
        raise _WrongValueError(f"{value!r} is {_kind(value)}; expected {_KINDS[cls]}")
    return value


def _literal(value: object, cls: Any) -> Any:
    legal = get_args(cls)
    if value not in legal:
        raise _WrongValueError(f"{value!r} is illegal; legal: {', '.join(map(str, legal))}")
    return value


def _tuple(value: object, cls: Any) -> Any:
    if not isinstance(value, (list, tuple)):
        raise _WrongValueError(f"{value!r} is {_kind(value)}; expected a list")
    element, *more = get_args(cls)
    if more != [...] and len(value) != 1 + len(more):
        raise _WrongValueError(f"{value!r} has {len(value)} values; expected {1 + len(more)}")
    return tuple(_CONVERTER.structure(inner, element) for inner in value)


def _union(value: object, cls: Any) -> Any:
    """The first of the types that takes the value."""
    wanted = []
    for inner in get_args(cls):
        try:
            return None if inner is NoneType and value is None else _CONVERTER.structure(value, inner)
        except Exception as error:
            wanted.append(str(error).rpartition("; ")[2])
    raise _WrongValueError(f"{value!r} is illegal; {' or '.join(wanted)}")


def _is_choice(cls: Any) -> bool:
    """A union of several types: cattrs knows those of one type and None itself."""
    return get_origin(cls) in (Union, UnionType) and len([one for one in get_args(cls) if one is not NoneType]) > 1


def _origin(cls: Any) -> object:
    return get_origin(cls)


_KINDS: dict[type, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a string",
    dict: "a table",
    list: "a list",
}


def _kind(value: object) -> str:
    return _KINDS.get(type(value), type(value).__name__)


def _table(cls: Any) -> Callable[[object, Any], Any]:
    """Structure hook of a dataclass: a table with no keys but its fields."""
    structure = make_dict_structure_fn(cls, _CONVERTER, _cattrs_forbid_extra_keys=True)

    def hook(value: object, _: Any) -> Any:
        if not isinstance(value, dict):
            raise _WrongValueError(f"{value!r} is {_kind(value)}; expected a table")
        return structure(value, cls)

    return hook


_CONVERTER = cattrs.Converter()
for _kind_of_scalar in (int, float, bool, str):
    _CONVERTER.register_structure_hook(_kind_of_scalar, _scalar)
_CONVERTER.register_structure_hook_func(lambda cls: _origin(cls) is Literal, _literal)
_CONVERTER.register_structure_hook_func(lambda cls: _origin(cls) is tuple, _tuple)
_CONVERTER.register_structure_hook_func(_is_choice, _union)
_CONVERTER.register_unstructure_hook_func(_is_choice, lambda value: value)
_CONVERTER.register_structure_hook_factory(is_dataclass, _table)
