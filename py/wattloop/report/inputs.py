"""The stored results of a run, as the report reads them: nothing is computed again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from wattloop.arith.statistics import LayerStatistics
from wattloop.compression.energies import ACCOUNTINGS
from wattloop.compression.row_files import from_json
from wattloop.compression.rows import Row
from wattloop.errors import StorageError
from wattloop.power.exploration import Exploration
from wattloop.power.verdict import LayerVerdict, load_verdict
from wattloop.report.files import frame, json_lines, json_mapping, json_rows, read, with_keys
from wattloop.report.seen import Seen, stored_statistics
from wattloop.report.timing import StoredTiming

T = TypeVar("T")

_PARTS = (
    *("compression/", "estimate.parquet", "exploration/", "tables/*.parquet", "verdict.parquet", "grouping.parquet"),
    *("timing/", "cells.parquet", "statistics/*.npz", "history.json", "savings.json"),
)

# The Arrow schema and the names of all nets are for programs.
_LONG_METADATA = ("ARROW:schema", "nets")


@dataclass(frozen=True)
class Compression:
    """What a compression left behind.

    Attributes:
        summary: `result.json`: settings, qualities, layers with their decisions, versions.
        energies: `layers.parquet`: one row a layer, source ("table", "tiles") and stage ("int8", "compressed").
        values: `values.parquet`: one row a layer and weight value.
        journal: the events, each with its kind under "event".
        rows: one row a network that was offered; none where no energies were measured.
        late, late_by_pe: transitions of real tiles of the networks of `rows` that settle after a delay bound, as
            `compression.bound_facts.TileCheck` has them; None without a bound.
    """

    summary: Mapping[str, Any]
    energies: pl.DataFrame
    values: pl.DataFrame
    journal: tuple[Mapping[str, Any], ...]
    rows: tuple[Row, ...] = ()
    late: pl.DataFrame | None = None
    late_by_pe: pl.DataFrame | None = None

    @property
    def layers(self) -> list[str]:
        """Names of the layers, in descending share of the energy."""
        return [layer["layer"] for layer in self.summary["layers"]]


@dataclass(frozen=True)
class Table:
    """A characterisation table.

    Attributes:
        name: file name without its ending.
        rows: one row a weight value.
        metadata: provenance kept in the Parquet file, the long lists left out.
    """

    name: str
    rows: pl.DataFrame
    metadata: Mapping[str, str]


@dataclass(frozen=True)
class Transitions:
    """What the layers' MACs see, and how much groups tell of it.

    Attributes:
        layers: statistics of each layer, in the order of the network.
        quality: `grouping.parquet`: one row a layer, grouping and weight.
        costs: `bit_costs.parquet`: mean energies by Hamming distance and highest bits.
    """

    layers: tuple[LayerStatistics, ...]
    quality: pl.DataFrame
    costs: pl.DataFrame


@dataclass(frozen=True)
class StoredRun:
    """A run folder.

    Attributes:
        folder: where it is.
        provenance: names and strings of `provenance.json`.
        settings: text of `config.toml`; empty without one.
        compression: None where the run compressed nothing.
        estimate: `estimate.parquet`: one row a layer and source ("table", "tiles"); None without one.
        tables: characterisation tables, by name.
        verdict: tables against exact simulation, layer by layer; empty without any.
        transitions: what `wattloop statistics` found; None without.
        exploration: cells side by side; None without them.
        timing: settling times of the cell; None without them.
        cells: `cells.parquet`: energy of every cell of the array during one tile; None without.
        seen: `statistics/*.npz`: transitions of every layer whose statistics are kept.
        history: `history.json`: how training went, a row an epoch.
        mappings: `savings.json`: what layers laid onto the array at less cost save.
        exhibit: what `wattloop reproduce` found; None without.
        pictures: its plots as PNG, by name.
    """

    folder: Path
    provenance: Mapping[str, str]
    settings: str
    compression: Compression | None
    estimate: pl.DataFrame | None
    tables: tuple[Table, ...]
    verdict: tuple[LayerVerdict, ...] = ()
    transitions: Transitions | None = None
    exploration: Exploration | None = None
    timing: StoredTiming | None = None
    cells: pl.DataFrame | None = None
    seen: tuple[Seen, ...] = ()
    history: tuple[Mapping[str, Any], ...] = ()
    mappings: tuple[Mapping[str, Any], ...] = ()
    exhibit: Mapping[str, Any] | None = None
    pictures: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """As the run calls itself: while it is written, its folder has another name."""
        return self.provenance.get("title") or self.folder.resolve().name


def read_run(folder: Path) -> StoredRun:
    """Read a run folder.

    Raises:
        StorageError: no such folder, nothing in it to report on, or a file of it is damaged or empty.
    """
    if not folder.is_dir():
        raise StorageError(f"there is no run folder {folder}")
    provenance = read(folder / "provenance.json", json_mapping, dict[str, Any]())
    settings = read(folder / "config.toml", Path.read_text, "")
    found = StoredRun(folder, provenance, settings, **_results(folder), **_rest(folder, provenance, settings))
    if not any(present(getattr(found, entry.name)) for entry in fields(found)[3:]):
        raise StorageError(f"{folder} holds none of {', '.join(_PARTS)}: nothing to report on")
    return found


def _results(folder: Path) -> dict[str, Any]:
    return {
        "compression": _if_there(folder / "compression", _compression),
        "estimate": _if_there(folder / "estimate.parquet", frame),
        "tables": tuple(_table(path) for path in sorted((folder / "tables").glob("*.parquet"))),
        "verdict": tuple(_if_there(folder / "verdict.parquet", load_verdict) or ()),
        "transitions": _transitions(folder) if (folder / "grouping.parquet").is_file() else None,
        "exploration": _if_there(folder / "exploration", Exploration.load),
        "timing": _if_there(folder / "timing", StoredTiming.load),
    }


def _rest(folder: Path, provenance: Mapping[str, Any], settings: str) -> dict[str, Any]:
    command, _, name = str(provenance.get("command", "")).partition(" ")
    exhibit = _if_there(folder / f"{Path(name).name}.json", _exhibit) if command == "reproduce" else None
    plots = [folder / "plots" / f"{Path(plot).name}.png" for plot in (exhibit or {}).get("plots", ())]
    return {
        "cells": _if_there(folder / "cells.parquet", frame),
        "seen": stored_statistics(folder, settings),
        "history": _if_there(folder / "history.json", _history) or (),
        "mappings": _if_there(folder / "savings.json", _savings) or (),
        "exhibit": exhibit,
        "pictures": {path.stem: read(path, Path.read_bytes) for path in plots},
    }


def _history(path: Path) -> tuple[Mapping[str, Any], ...]:
    return read(path, lambda file: with_keys(json_rows(file), "stage", "epoch"))


def _savings(path: Path) -> tuple[Mapping[str, Any], ...]:
    needed = ("option", "layer", "datapath_fj", "preload_fj", *(f"{name}_saving" for name in ACCOUNTINGS))
    return read(path, lambda file: with_keys(json_mapping(file).get("rows", ()), *needed))


def _exhibit(path: Path) -> Mapping[str, Any]:
    needed = ("exhibit", "title", "place", "rows", "claims", "findings")
    return read(path, lambda file: with_keys([json_mapping(file)], *needed)[0])


def _if_there(path: Path, reader: Callable[[Path], T]) -> T | None:
    """What a reader that names damaged files itself makes of a path; None where there is none."""
    return reader(path) if path.exists() else None


def present(part: object) -> bool:
    """Whether a run has that part of a `StoredRun`."""
    return bool(part) if isinstance(part, tuple | dict) else part is not None


def _compression(folder: Path) -> Compression:
    energies, values = frame(folder / "layers.parquet"), frame(folder / "values.parquet")
    summary = read(folder / "result.json", json_mapping)
    rows = read(folder / "rows.json", lambda path: from_json(path.read_text()))
    late, by_pe = (_optional(folder / f"{name}.parquet") for name in ("late_transitions", "late_by_pe"))
    return Compression(summary, energies, values, read(folder / "journal.jsonl", json_lines), rows, late, by_pe)


def _optional(path: Path) -> pl.DataFrame | None:
    return read(path, pl.read_parquet) if path.is_file() else None


def _transitions(folder: Path) -> Transitions:
    quality, costs = frame(folder / "grouping.parquet"), frame(folder / "bit_costs.parquet")
    names = quality["layer"].unique(maintain_order=True).to_list()
    layers = tuple(LayerStatistics.load(folder / "statistics" / f"{name}.npz") for name in names)
    return Transitions(layers, quality, costs)


def _table(path: Path) -> Table:
    rows = frame(path)
    metadata = read(path, pl.read_parquet_metadata)
    return Table(path.stem, rows, {k: v for k, v in metadata.items() if k not in _LONG_METADATA})
