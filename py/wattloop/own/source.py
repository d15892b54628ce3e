"""Verilog that a user hands in, read as data: what could reach beyond the cell is refused before any tool sees it.

Yosys, Icarus and Verilator read the text. Icarus runs `$system`, Verilator compiles what DPI and `systemc_*` bring, and
`include` and `$readmem` open files that no cache key knows of. So few system functions and directives are allowed, by
name; comments are blanked, since tools take orders from some of them (`synopsys translate_off`) and others do not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from wattloop.errors import NetlistError
from wattloop.gates.input_file import read_input

_LIMIT_MIB = 16
_TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/)|(?P<string>"(?:\\.|[^"\\\n])*")|(?P<broken>/\*|")|(?P<escaped>\\\S+)"""
    r"""|(?P<system>\$[\w$]*)|(?P<directive>`\w*)|(?P<word>[A-Za-z_][\w$]*)""",
    re.DOTALL,
)
_SYSTEM = ("$signed", "$unsigned", "$clog2", "$bits")
_DIRECTIVES = (
    *("`define", "`undef", "`ifdef", "`ifndef", "`elsif", "`else", "`endif"),
    *("`default_nettype", "`timescale", "`resetall", "`celldefine", "`endcelldefine"),
)
_WORDS = ("import", "export", "bind")
_REMEDY = "write the cell without it (docs/own-mac.md)"
_AT = re.compile(r"\b(?:cell|rtl)\.sv:(\d+)(?:\.[\d.-]+)?")


@dataclass(frozen=True)
class Source:
    """Source files as one text.

    Attributes:
        text: all of them in order, comments blanked; lines and columns are those of the files.
        lengths: (file, lines) in order.
    """

    text: str
    lengths: tuple[tuple[Path, int], ...]

    def place(self, line: int) -> str:
        """File and line of a line of `text`."""
        for path, lines in self.lengths:
            if line <= lines:
                return f"{path}:{line}"
            line -= lines
        return "the wrapper of the cell"

    def placed(self, said: str) -> str:
        """What a tool says in one line, with the places in the user's files."""
        return _AT.sub(lambda match: self.place(int(match[1])), " ".join(said.split()))


def read_sources(paths: Sequence[Path]) -> Source:
    """Read source files.

    Raises:
        NetlistError: one cannot be read, or holds something that is not allowed; names file and line.
    """
    texts = [_decoded(path) for path in paths]
    macros = {f"`{name}" for text in texts for name in re.findall(r"`define\s+(\w+)", text)}
    blanked = [_blanked(path, text, macros) for path, text in zip(paths, texts, strict=True)]
    return Source("".join(blanked), tuple((path, text.count("\n")) for path, text in zip(paths, blanked, strict=True)))


def _decoded(path: Path) -> str:
    raw = read_input(path, "Verilog file", NetlistError, limit_mib=_LIMIT_MIB)
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise NetlistError(f"{path} is not UTF-8 text: save it as such") from error
    text = text.replace("\r\n", "\n")
    return text if text.endswith("\n") else f"{text}\n"


def _blanked(path: Path, text: str, macros: set[str]) -> str:
    for what, line in _refused(text, macros):
        raise NetlistError(f"{path}:{line}: {what} is not allowed in a cell: {_REMEDY}")

    def blank(match: re.Match[str]) -> str:
        return re.sub(r"[^\n]", " ", match[0]) if match.lastgroup == "comment" else match[0]

    return _TOKEN.sub(blank, text)


def _refused(text: str, macros: set[str]) -> Iterator[tuple[str, int]]:
    for match in _TOKEN.finditer(text):
        kind, token = match.lastgroup, match[0]
        wrong = kind == "broken"
        wrong |= kind == "system" and token not in _SYSTEM
        wrong |= kind == "directive" and token not in (*_DIRECTIVES, *macros)
        wrong |= kind == "escaped" and token[1] in "$`"
        wrong |= kind == "word" and token in _WORDS
        if wrong:
            yield token, text.count("\n", 0, match.start()) + 1


def renamed(text: str, module: str, name: str) -> str:
    """The text with the module called `name` where it is defined."""
    return re.sub(rf"(\bmodule\s+|\bendmodule\s*:\s*){re.escape(module)}(?![\w$])", rf"\g<1>{name}", text)
