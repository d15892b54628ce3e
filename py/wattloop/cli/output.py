"""Tables and JSON on standard output."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

# Wide enough for the tables when nobody looks at a terminal: a pipe gets whole lines.
_PIPE_WIDTH = 200


def print_table(title: str, headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; floats with four significant digits."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=_PIPE_WIDTH)
    table = Table(title=title, title_justify="left", show_edge=False)
    texts = [[_text(cell) for cell in row] for row in rows]
    for column, heading in enumerate(headings):
        numeric = bool(texts) and all(_is_number(row[column]) for row in texts)
        table.add_column(heading, justify="right" if numeric else "left", overflow="fold")
    for row in texts:
        table.add_row(*row)
    console.print(table)


def print_json(value: object) -> None:
    """Print dataclasses, mappings, lists and numbers as JSON; infinity and NaN, which JSON lacks, as null."""
    text = json.dumps(value, default=_plain)
    print(json.dumps(json.loads(text, parse_constant=lambda _: None), indent=2))


def _plain(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"no JSON for a {type(value).__name__}")


def _text(cell: object) -> str:
    return f"{cell:.4g}" if isinstance(cell, float) else str(cell)


def _is_number(text: str) -> bool:
    try:
        float(text.rstrip("%"))
    except ValueError:
        return False
    return True
