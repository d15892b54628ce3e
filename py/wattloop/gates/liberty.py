"""Liberty files into `Library`: cells are interpreted one by one, as a design asks for them.

A cell that is not understood never stops a run that does not use it: it comes back with its `unsupported` set.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from wattloop.errors import LibertyError
from wattloop.gates import liberty_cell
from wattloop.gates.liberty_syntax import Group, read_groups
from wattloop.gates.liberty_units import Context, context_of
from wattloop.gates.library import CellType, Library
from wattloop.store import Store


class LazyCells(Mapping[str, CellType]):
    """The cells of a library by name, each interpreted when it is first asked for."""

    def __init__(self, context: Context, groups: Mapping[str, Group]) -> None:
        self._context = context
        self._groups = groups
        self._cells: dict[str, CellType] = {}

    def __getitem__(self, name: str) -> CellType:
        if name not in self._cells:
            self._cells[name] = liberty_cell.read_cell(self._context, self._groups[name])
        return self._cells[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._groups)

    def __len__(self) -> int:
        return len(self._groups)

    def __contains__(self, name: object) -> bool:
        return name in self._groups


def read_liberty(path: str | Path, *, name: str | None = None, store: Store | None = None) -> Library:
    """Library of a Liberty file.

    Args:
        path: the file.
        name: what the library is called in results; the file's stem if not given.
        store: cache of parsed files.

    Raises:
        LibertyError: the file is missing, malformed, or lacks its units, its voltage or any cell.
    """
    path = Path(path)
    group, sha256 = read_groups(path, store)
    cells = {cell.name: cell for cell in group.groups("cell")}
    if not cells:
        raise LibertyError(f"{path} holds no cell: give a Liberty file with cells")
    context = context_of(group, str(path))
    return Library(
        name=name or path.stem,
        path=str(path),
        sha256=sha256,
        voltage_v=context.voltage_v,
        cells=LazyCells(context, cells),
        default_slew_ps=0.0,
    )
