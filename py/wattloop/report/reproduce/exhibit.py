"""An exhibit: a table or figure of the paper, measured here, with the paper's own figures beside it."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
from matplotlib.figure import Figure

from wattloop.report.plotting import save_png
from wattloop.report.tables import markdown, pairs
from wattloop.store import write_atomic

PLOTS = "plots"


@dataclass(frozen=True)
class Claim:
    """A statement or figure of the paper, held against what was measured.

    Attributes:
        says: what the paper states.
        place: where.
        measured: what was measured here, with units.
        agrees: whether the measurement bears it out; None where the paper gives nothing to judge by.
        because: where the two differ and what the measured figures say of the reason; or by what they agree.
    """

    says: str
    place: str
    measured: str
    agrees: bool | None
    because: str

    @property
    def verdict(self) -> str:
        """In a word."""
        return {True: "agrees", False: "differs", None: "-"}[self.agrees]


@dataclass(frozen=True, eq=False)
class Exhibit:
    """What `wattloop reproduce` makes.

    Attributes:
        name: "table1" to "table4", "figure1" to "figure4".
        title: what it shows.
        place: where the paper shows it.
        data: everything that was measured, for `<name>.parquet`.
        rows: its figures for programs: the `rows` of the JSON.
        claims: the paper's statements and how they fare here.
        findings: sentences on the measured figures.
        tables: for readers, by title; cells are text.
        plots: by file name without its ending.
        paper: the paper's own rows, for programs.
        conventions: what the figures count.
    """

    name: str
    title: str
    place: str
    data: pl.DataFrame
    rows: Sequence[Mapping[str, Any]]
    claims: Sequence[Claim] = ()
    findings: Sequence[str] = ()
    tables: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    plots: Mapping[str, Figure] = field(default_factory=dict)
    paper: Sequence[Mapping[str, Any]] = ()
    conventions: str = ""

    def as_json(self) -> dict[str, Any]:
        """For programs; numbers that JSON lacks are None."""
        whole = {
            "exhibit": self.name,
            "title": self.title,
            "place": self.place,
            "rows": list(self.rows),
            "paper": list(self.paper),
            "claims": [asdict(claim) for claim in self.claims],
            "findings": list(self.findings),
            "tables": {
                title: {"columns": table.columns, "rows": [list(row) for row in table.rows()]}
                for title, table in self.tables.items()
            },
            "conventions": self.conventions,
            "plots": list(self.plots),
        }
        found: dict[str, Any] = _legal(whole)
        return found

    def as_markdown(self, facts: Mapping[str, str] | None = None) -> str:
        """For readers: tables, plots, and where and why the paper's figures differ.

        Args:
            facts: where it came from; names and strings.
        """
        parts = [f"# {self.title}", f"The paper: {self.place}."]
        for title, table in self.tables.items():
            parts += [f"## {title}", markdown(table)]
        parts += [f"![{name}]({PLOTS}/{name}.png)" for name in self.plots]
        if self.conventions:
            parts.append(self.conventions)
        if self.claims:
            parts += ["## Beside the paper", markdown(claims_table(self.claims))]
        parts += ["## Findings", *(f"- {sentence}" for sentence in self.findings)] if self.findings else []
        if facts:
            parts += ["## Provenance", markdown(pairs(facts))]
        return "\n\n".join(parts) + "\n"

    def write(self, folder: Path, facts: Mapping[str, str] | None = None) -> Path:
        """Write `<name>.md`, `<name>.json`, `<name>.parquet` and `plots/*.png`.

        Returns:
            Path of the Markdown file.

        Raises:
            StorageError: a file cannot be written.
        """
        buffer = io.BytesIO()
        self.data.write_parquet(buffer)
        write_atomic(folder / f"{self.name}.parquet", buffer.getvalue())
        write_atomic(folder / f"{self.name}.json", json.dumps(self.as_json(), indent=1) + "\n")
        for name, figure in self.plots.items():
            save_png(figure, folder / PLOTS / f"{name}.png")
        path = folder / f"{self.name}.md"
        write_atomic(path, self.as_markdown(facts))
        return path


def claims_table(claims: Sequence[Claim]) -> pl.DataFrame:
    """The claims for readers."""
    return pl.DataFrame(
        {
            "the paper": [f"{claim.says} ({claim.place})" for claim in claims],
            "here": [claim.measured for claim in claims],
            "verdict": [claim.verdict for claim in claims],
            "where and why": [claim.because for claim in claims],
        }
    )


def _legal(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _legal(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_legal(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
