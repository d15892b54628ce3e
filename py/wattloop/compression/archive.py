"""Compression results on disk: JSON for decisions, Parquet for figures, safetensors for weights."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import polars as pl
from cattrs import BaseValidationError, Converter
from cattrs.preconf.json import make_converter
from torch import nn

from wattloop.compression import journal, row_files
from wattloop.compression.bound_facts import numbered
from wattloop.compression.mapping.archive import from_plain, plain, save_mappings
from wattloop.compression.remap import GREATEST, LEAST
from wattloop.compression.result import CompressionResult, Figures, LayerResult, PointResult
from wattloop.compression.subject import Quality
from wattloop.errors import ModelError, OldFormatError, StorageError
from wattloop.nn import checkpoint
from wattloop.nn.network import QuantizedNetwork
from wattloop.power.oracle import EnergyBreakdown, LayerEnergy
from wattloop.store import write_atomic

FORMAT = 3
_FORMATS = (2, FORMAT)  # 2 had no columns of delay bounds in its rows: see `row_files`
RESULT, LAYERS, VALUES = "result.json", "layers.parquet", "values.parquet"
JOURNAL, NETWORK = "journal.jsonl", "network.safetensors"
ROWS, ROWS_TABLE, POINTS = "rows.json", "rows.parquet", "points"
LATE, LATE_BY_PE = "late_transitions.parquet", "late_by_pe.parquet"

# Columns of `layers.parquet`: which figure of a layer stands in which row.
_STAGES = {
    "table_before": ("table", "int8"),
    "table_after": ("table", "compressed"),
    "tiles_before": ("tiles", "int8"),
    "tiles_after": ("tiles", "compressed"),
}
_PER_VALUE = ("histogram_before", "histogram_after", "curve_before", "curve_after")


def save(result: CompressionResult, folder: Path) -> None:
    """Write `result` into `folder`; see `CompressionResult.save`."""
    if result.network is not None:
        checkpoint.save(result.network, folder / NETWORK)
    _write_parquet(folder / LAYERS, _frame(row for layer in result.layers for row in _energy_rows(layer)))
    _write_parquet(folder / VALUES, _frame(row for layer in result.layers for row in _value_rows(layer)))
    write_atomic(folder / ROWS, row_files.to_json(result.rows))
    row_files.save_parquet(result.rows, folder / ROWS_TABLE)
    if result.checks:
        _write_parquet(folder / LATE, numbered(check.late for check in result.checks))
        _write_parquet(folder / LATE_BY_PE, numbered(check.by_pe for check in result.checks))
    for number, network in enumerate(result.networks):
        checkpoint.save(network, folder / POINTS / f"{number:03}.safetensors")
    for number, point in enumerate(result.points):
        if point.mappings:
            save_mappings(folder / POINTS / f"{number:03}.mapping.json", point.mappings)
    write_atomic(folder / JOURNAL, journal.to_lines(result.journal))
    write_atomic(folder / RESULT, json.dumps(_summary(result), indent=2) + "\n")


def load(folder: Path, model: nn.Module | None = None) -> CompressionResult:
    """Read what `save` wrote; see `CompressionResult.load`."""
    try:
        figures = _figures(folder)
        events = journal.from_lines((folder / JOURNAL).read_text())
        found = row_files.from_json((folder / ROWS).read_text())
    except FileNotFoundError as error:
        raise StorageError(f"{folder} holds no compression result: {Path(error.filename).name} is missing") from error
    except (OSError, ValueError, LookupError, TypeError, AttributeError, pl.exceptions.PolarsError) as error:
        raise StorageError(f"the compression result in {folder} is damaged: run the compression again") from error
    except BaseValidationError as error:
        raise StorageError(f"the compression result in {folder} is damaged: run the compression again") from error
    return CompressionResult(**vars(figures), rows=found, journal=events, network=_network(folder / NETWORK, model))


def _network(path: Path, model: nn.Module | None) -> QuantizedNetwork | None:
    if not path.is_file():
        return None
    try:
        return checkpoint.load(path, model)
    except ModelError:
        # The figures of a network of the user's own can be read without it.
        if model is not None:
            raise
        return None


def _summary(result: CompressionResult) -> dict[str, Any]:
    """All figures but those that stand in the Parquet files."""
    figures = Figures(**{f.name: getattr(result, f.name) for f in fields(Figures)})
    summary: dict[str, Any] = {"format": FORMAT} | _converter().unstructure(figures)
    for layer in summary["layers"]:
        for name in (*_STAGES, *_PER_VALUE):
            del layer[name]
    return summary


def _figures(folder: Path) -> Figures:
    summary = json.loads((folder / RESULT).read_text())
    if (found := summary.pop("format")) not in _FORMATS:
        raise OldFormatError(
            f"the compression result in {folder} is of format {found}, which this version does not read (it reads"
            f" {', '.join(map(str, _FORMATS))}): run the compression again"
        )
    energies = pl.read_parquet((folder / LAYERS).read_bytes())
    values = pl.read_parquet((folder / VALUES).read_bytes())
    for layer in summary["layers"]:
        here = pl.col("layer") == layer["layer"]
        layer.update(_read_energies(energies.filter(here)))
        layer.update({name: values.filter(here)[name].to_list() for name in _PER_VALUE})
    return _converter().structure(summary, Figures)


def _converter() -> Converter:
    """JSON for everything; a mapping says offsets in one number or in many."""
    converter = make_converter()
    converter.register_unstructure_hook(PointResult, lambda point: vars(point) | _point(point))
    converter.register_structure_hook(PointResult, _read_point)
    return converter


def _point(point: PointResult) -> dict[str, Any]:
    qualities = {name: asdict(getattr(point, name)) for name in ("validation", "test")}
    return qualities | {"mappings": plain(point.mappings)}


def _read_point(found: dict[str, Any], _: type[PointResult]) -> PointResult:
    qualities = {name: Quality(**found[name]) for name in ("validation", "test")}
    return PointResult(**(found | qualities | {"mappings": from_plain(found["mappings"])}))


def _energy_rows(result: LayerResult) -> list[dict[str, Any]]:
    figures = []
    for name, (source, stage) in _STAGES.items():
        found: LayerEnergy | None = getattr(result, name)
        if found is not None:
            flat = asdict(found)
            which = {"layer": flat.pop("layer"), "source": source, "stage": stage}
            figures.append(which | flat.pop("energy") | flat)
    return figures


def _read_energies(rows: pl.DataFrame) -> dict[str, Any]:
    origins = [f.name for f in fields(EnergyBreakdown)]
    found: dict[str, Any] = dict.fromkeys(_STAGES)
    names = {stage: name for name, stage in _STAGES.items()}
    for row in rows.to_dicts():
        name = names[row.pop("source"), row.pop("stage")]
        found[name] = row | {"energy": {origin: row.pop(origin) for origin in origins}}
    return found


def _value_rows(result: LayerResult) -> list[dict[str, Any]]:
    allowed = None if result.values is None else set(result.values)
    return [
        {
            "layer": result.layer,
            "value": value,
            "allowed": allowed is None or value in allowed,
            **{name: getattr(result, name)[index] for name in _PER_VALUE},
        }
        for index, value in enumerate(range(LEAST, GREATEST + 1))
    ]


def _frame(rows: Iterable[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), infer_schema_length=None)


def _write_parquet(path: Path, frame: pl.DataFrame) -> None:
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    write_atomic(path, buffer.getvalue())
