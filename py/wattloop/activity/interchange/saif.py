"""SAIF, the switching activity that power tools exchange: read, from any simulator.

Nets, ports and pins of one instance and of all instances below it. State- and path-dependent entries are skipped: their
sums stand beside them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path

from wattloop.activity.interchange.recording import Count, Seen, scope_error
from wattloop.errors import ActivityFileError
from wattloop.gates.input_file import read_input

_TOKEN = re.compile(
    r"""\s+|//[^\n]*|/\*.*?\*/          # not a token
    |(?P<token>[()]|"[^"]*"|(?:\\.|[^\s()"\\])+)""",
    re.VERBOSE | re.DOTALL,
)
_TIMESCALE = re.compile(r"\s*(\d*\.?\d*)\s*([munpf]?)s\s*$")
_PS = {"": 1e12, "m": 1e9, "u": 1e6, "n": 1e3, "p": 1.0, "f": 1e-3}
_LIMIT_MIB = 512
_MAX_NESTING = 500
_SLACK = 1e-6  # of the duration: times are rounded in some files


def read_saif(path: str | Path, scope: str) -> Seen:
    """Activity of the instance at `scope`.

    Args:
        path: the file, gzip or not.
        scope: names of instances from the top, with `/` between them: "tb/m".

    Raises:
        ActivityFileError: unreadable, not SAIF, without duration or with a wrong one, or without that scope.
    """
    data = read_input(Path(path), "SAIF file", ActivityFileError, limit_mib=_LIMIT_MIB)
    return _Reader(str(path), _tokens(data.decode("utf-8", errors="replace"), str(path)), scope).read()


def _tokens(text: str, path: str) -> Iterator[tuple[str, int]]:
    """Tokens and where they start."""
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise ActivityFileError(
                f"{path}, line {text.count(chr(10), 0, position) + 1}: not SAIF: stray {text[position]!r}"
            )
        if match["token"] is not None:
            yield match["token"], position
        position = match.end()


class _Reader:
    """One pass over the tokens."""

    def __init__(self, path: str, tokens: Iterator[tuple[str, int]], scope: str) -> None:
        self._path = path
        self._tokens = tokens
        self._scope = tuple(scope.strip("/").split("/"))
        self._scopes: list[str] = []
        self._counts: dict[str, Count] = {}
        self._found = False
        self._duration: float | None = None
        self._tick_ps = 1000.0  # SAIF's default is 1 ns

    def read(self) -> Seen:
        self._open("SAIFILE")
        for keyword in self._lists():
            if keyword == "TIMESCALE":
                self._tick_ps = self._timescale("".join(self._atoms()))
            elif keyword == "DURATION":
                self._duration = self._number(self._atoms())
            elif keyword == "INSTANCE":
                self._instance(())
            else:
                self._skip()
        if next(self._tokens, None) is not None:
            raise self._error("something follows the last parenthesis")
        if not self._duration:
            raise self._error("no DURATION, or one of 0")
        if not self._found:
            raise scope_error(self._path, "/".join(self._scope), self._scopes)
        self._check_times(self._duration)
        return Seen(self._path, self._counts, self._duration, self._tick_ps)

    def _check_times(self, duration: float) -> None:
        for name, count in self._counts.items():
            if count.high > duration * (1 + _SLACK):
                raise self._error(f"{name} was at 1 for {count.high:g} of {duration:g}: the units do not fit")

    def _instance(self, above: tuple[str, ...]) -> None:
        """An instance, its keyword already read."""
        if len(above) >= _MAX_NESTING:
            raise self._error(f"instances nested deeper than {_MAX_NESTING}")
        names = []
        token = self._next()
        while token not in "()":
            names.append(token)
            token = self._next()
        if not names:
            raise self._error("an INSTANCE without a name")
        here = (*above, _plain(names[-1]))  # some tools write the module's name before it
        depth = len(self._scope)
        self._scopes.append("/".join(here))
        self._found |= here == self._scope
        prefix = "".join(f"{name}/" for name in here[depth:]) if here[:depth] == self._scope else None
        while token == "(":
            keyword = self._next()
            if keyword == "INSTANCE":
                self._instance(here)
            elif keyword in ("NET", "PORT") and prefix is not None:
                self._nets(prefix)
            else:
                self._skip()
            token = self._next()
        if token != ")":
            raise self._error(f"{token!r} where a parenthesis should stand")

    def _nets(self, prefix: str) -> None:
        for name in self._lists():
            toggles = high = math.nan
            for keyword in self._lists():
                if keyword == "TC":
                    toggles = self._number(self._atoms())
                elif keyword == "T1":
                    high = self._number(self._atoms())
                else:
                    self._skip()
            if math.isnan(toggles) or math.isnan(high):
                raise self._error(f"net {prefix}{name} lacks T1 or TC")
            self._counts.setdefault(prefix + _plain(name), Count(toggles, high))

    def _lists(self) -> Iterator[str]:
        """Keyword of each list up to the parenthesis that closes the present one; the caller reads the rest of each."""
        while (token := self._next()) == "(":
            keyword = self._next()
            if keyword in "()":
                raise self._error("a list without a keyword")
            yield keyword
        if token != ")":
            raise self._error(f"{token!r} where a parenthesis should stand")

    def _atoms(self) -> list[str]:
        atoms = []
        while (token := self._next()) != ")":
            if token == "(":
                raise self._error("a list where a value should stand")
            atoms.append(token)
        return atoms

    def _skip(self) -> None:
        """The rest of a list, lists within it included."""
        depth = 1
        while depth:
            depth += {"(": 1, ")": -1}.get(self._next(), 0)

    def _open(self, keyword: str) -> None:
        if self._next() != "(" or self._next() != keyword:
            raise self._error(f"it does not start with ({keyword}")

    def _next(self) -> str:
        token, _ = next(self._tokens, ("", 0))
        if not token:
            raise self._error("it ends in the middle: the file seems to be cut short")
        return token

    def _number(self, atoms: list[str]) -> float:
        try:
            (text,) = atoms
            value = float(text)
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and value >= 0):
            raise self._error(f"{' '.join(atoms)!r} is not a count or a time")
        return value

    def _timescale(self, text: str) -> float:
        match = _TIMESCALE.match(text.strip('"'))
        if match is None or not float(match[1] or 1) > 0:
            raise self._error(f"the TIMESCALE {text!r} is not a time")
        return float(match[1] or 1) * _PS[match[2]]

    def _error(self, what: str) -> ActivityFileError:
        return ActivityFileError(f"{self._path} is not SAIF as it should be: {what}; write it anew")


def _plain(name: str) -> str:
    """A name without its escapes."""
    return re.sub(r"\\(.)", r"\1", name.strip('"'))
