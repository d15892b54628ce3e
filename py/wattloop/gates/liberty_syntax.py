"""The syntax of a Liberty file: nested groups of attributes, from the `liberty-parser` package, cached.

What the groups mean is `liberty.py`'s business.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wattloop.errors import LibertyError
from wattloop.gates.input_file import read_input
from wattloop.store import Store, content_key

Node = Any  # of liberty-parser's syntax tree, which has no types
_FORMAT = 2  # of the cached tree; raise it when `_plain` changes
_FILE = "library.json"
_LIMIT_MIB = 256
_SEMICOLONS = re.compile(r";((?:\s*;)+)")


@dataclass(frozen=True)
class Group:
    """A Liberty group. Every value is text, quotes taken off.

    Attributes:
        kind: "library", "cell", "pin", ...
        args: what stands in its parentheses.
        attributes: values by name, the last where a name is repeated; one value for `a : v`, several for `a (v, w)`.
        children: its groups as plain data, wrapped as they are asked for.
        repeated: values of each occurrence of a name that is there several times.
    """

    kind: str
    args: tuple[str, ...]
    attributes: dict[str, list[str]]
    children: list[list[Any]]
    repeated: dict[str, list[list[str]]]

    @staticmethod
    def wrap(raw: list[Any]) -> Group:
        """Group of a plain `[kind, args, attributes, children, repeated]`."""
        kind, args, attributes, children, repeated = raw
        return Group(kind, tuple(args), attributes, children, repeated)

    @property
    def name(self) -> str:
        """First argument, or the empty string."""
        return self.args[0] if self.args else ""

    def get(self, attribute: str, default: str | None = None) -> str | None:
        """Value of a simple attribute."""
        values = self.attributes.get(attribute)
        return values[0] if values else default

    def every(self, attribute: str) -> list[list[str]]:
        """Values of each occurrence of an attribute."""
        once = [self.attributes[attribute]] if attribute in self.attributes else []
        return self.repeated.get(attribute, once)

    def groups(self, *kinds: str) -> Iterator[Group]:
        """Child groups of any of `kinds`, in file order."""
        return (Group.wrap(raw) for raw in self.children if raw[0] in kinds)

    def first(self, kind: str) -> Group | None:
        """First child group of that kind."""
        return next(self.groups(kind), None)


def read_text(path: Path) -> bytes:
    """A Liberty file as the tools take it: unpacked if it is gzip.

    Raises:
        LibertyError: missing, empty or binary.
    """
    return read_input(path, "Liberty file", LibertyError, limit_mib=_LIMIT_MIB)


def read_groups(path: Path, store: Store | None = None) -> tuple[Group, str]:
    """The `library` group of a Liberty file and the SHA-256 of its text, unpacked if the file is gzip.

    Raises:
        LibertyError: missing, empty, binary, cut short or malformed; names the file and the line.
    """
    data = read_text(path)
    sha256 = hashlib.sha256(data).hexdigest()
    key = content_key("liberty", _FORMAT, sha256, importlib.metadata.version("liberty-parser"))

    def build(folder: Path) -> None:
        (folder / _FILE).write_text(json.dumps(_parse(path, data), separators=(",", ":")))

    def read(folder: Path) -> Group:
        return Group.wrap(json.loads((folder / _FILE).read_text()))

    return (store or Store()).load("liberty", key, build, read), sha256


def _parse(path: Path, data: bytes) -> list[Any]:
    from liberty.parser import ExceptionWithLineNum, LibertyParser  # brings sympy, a second that most runs save

    try:
        text = _SEMICOLONS.sub(_one_semicolon, data.decode("utf-8", errors="replace"))
        tops = LibertyParser().read_liberty_chars(_Characters(text))
    except ExceptionWithLineNum as error:
        raise LibertyError(f"{path}, line {error.line_num + 1}: {_what(error.e)}") from error
    libraries = [top for top in tops if top.group_name == "library"]
    if len(libraries) != 1:
        raise LibertyError(f"{path} holds {len(libraries)} library groups instead of one: give one library a file")
    return _plain(libraries[0])


def _one_semicolon(match: re.Match[str]) -> str:
    """Of several semicolons the first, which is all that the parser takes; the lines between them stay."""
    return ";" + match[1].replace(";", " ")


class _Characters:
    """Characters of a text; asked far beyond its end, an error, because the parser would ask for ever."""

    def __init__(self, text: str) -> None:
        self._characters = iter(text)
        self._patience = 100  # a healthy parse asks a few times

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        for character in self._characters:
            return character
        self._patience -= 1
        if self._patience < 0:
            raise EOFError
        raise StopIteration


def _what(error: Exception) -> str:
    """What the parser stumbled over, and what to do about it."""
    kind, found = type(error).__name__, getattr(error, "actual", "")
    if isinstance(error, EOFError) or kind == "UnexpectedEndOfFile" or found is None:
        return "the text ends in the middle of a group: the file seems to be cut short, fetch it again"
    if kind == "UnexpectedToken":
        expected, there = "".join(getattr(error, "expected", "")), "".join(found)
        return f"not Liberty: {expected} expected, {there!r} found; correct the file or fetch it again"
    return f"not Liberty: {kind} {error}; correct the file or fetch it again"


def _plain(group: Node) -> list[Any]:
    every: dict[str, list[list[str]]] = {}
    for attribute in group.attributes:
        value = attribute.value
        every.setdefault(attribute.name, []).append([_text(v) for v in (value if isinstance(value, list) else [value])])
    attributes = {name: values[-1] for name, values in every.items()}
    repeated = {name: values for name, values in every.items() if len(values) > 1}
    args, children = [_text(a) for a in group.args], [_plain(g) for g in group.groups]
    return [group.group_name, args, attributes, children, repeated]


def _text(value: Node) -> str:
    # Quoted strings and expressions carry their text in `.value`; bare words, numbers and units print as themselves.
    inner = getattr(value, "value", None)
    if isinstance(inner, str):
        return inner.replace("\\\n", " ").strip()
    return str(value)
