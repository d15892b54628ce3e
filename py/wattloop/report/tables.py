"""The report's tables, as data frames of printable cells."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
from tabulate import tabulate

from wattloop.compression.energies import ACCOUNTINGS
from wattloop.report.energies import ORIGINS, SOURCES, figures, sources, with_dynamic
from wattloop.report.inputs import Compression, Table
from wattloop.report.units import NONE, cell, energy_unit, percent, root_sum_square, saving, with_error


def markdown(frame: pl.DataFrame) -> str:
    """`frame` as a Markdown table."""
    rows = [[str(cell).replace("|", "\\|") for cell in row] for row in frame.rows()]
    return tabulate(rows, headers=frame.columns, tablefmt="pipe", disable_numparse=True)


def accuracies(compression: Compression) -> pl.DataFrame:
    """Accuracy and loss of the int8 and the compressed network on validation and test images."""
    rows = []
    for split in ("validation", "test"):
        for stage, key in (("int8", "before"), ("compressed", "after")):
            quality = compression.summary[f"{split}_{key}"]
            rows.append(
                {
                    "split": split,
                    "network": stage,
                    "accuracy": percent(quality["accuracy"], _error_of_share(quality["accuracy"], quality["images"])),
                    "loss, nats": f"{quality['loss']:.4f}",
                    "images": str(quality["images"]),
                }
            )
    return pl.DataFrame(rows)


def _error_of_share(share: float, count: int) -> float:
    """Standard error of a share of `count` independent images."""
    return math.sqrt(share * (1 - share) / count)


def totals(compression: Compression) -> pl.DataFrame:
    """Energy of all layers in scope by source, before and after, dynamic and with clock and leakage."""
    rows = []
    for source in sources(compression):
        before, after = (figures(compression, source, stage) for stage in ("int8", "compressed"))
        unit = energy_unit([sum(row["dynamic_fj"] for row in before.values())])
        sums = [sum(row["dynamic_fj"] for row in rows_.values()) for rows_ in (before, after)]
        errors = [root_sum_square(row["standard_error_fj"] for row in rows_.values()) for rows_ in (before, after)]
        wholes = [sum(row[origin] for row in rows_.values() for origin in ORIGINS) for rows_ in (before, after)]
        first = next(iter(before.values()))
        rows.append(
            {
                "origin": first["origin"],
                "accounting": first["accounting"],
                "unit": f"{unit.name} per image",
                "int8": with_error(sums[0] / unit.in_fj, errors[0] / unit.in_fj),
                "compressed": with_error(sums[1] / unit.in_fj, errors[1] / unit.in_fj),
                "saved": percent(*saving(*sums, *errors)),
                "saved, clock and leakage included": percent(1 - wholes[1] / wholes[0]),
            }
        )
    return pl.DataFrame(rows)


def by_layer(compression: Compression) -> pl.DataFrame:
    """What each layer was given and what it saves, by every source."""
    rows = []
    for layer in compression.summary["layers"]:
        row = {
            "layer": layer["layer"],
            "kind": layer["kind"],
            "share of energy": percent(layer["share"]),
            "pruning ratio": NONE if layer["ratio"] is None else f"{layer['ratio']:g}",
            "K asked": NONE if layer["set_size"] is None else str(layer["set_size"]),
            "values kept": "256" if layer["values"] is None else str(len(layer["values"])),
            "sparsity": percent(layer["sparsity"]),
        }
        for source in sources(compression):
            row[f"saved by {source}"] = _layer_saving(compression, source, layer["layer"])
        rows.append(row)
    return pl.DataFrame(rows)


def _layer_saving(compression: Compression, source: str, layer: str) -> str:
    rows = [figures(compression, source, stage)[layer] for stage in ("int8", "compressed")]
    before, after = (row["dynamic_fj"] for row in rows)
    return percent(*saving(before, after, *(row["standard_error_fj"] for row in rows)))


def by_origin(compression: Compression) -> pl.DataFrame:
    """Energy of each layer split by origin, with its standard error."""
    energies = with_dynamic(compression.energies)
    unit = energy_unit(energies["dynamic_fj"])
    rows = []
    for row in energies.to_dicts():
        cells = {"layer": row["layer"], "network": row["stage"], "origin": row["origin"]}
        cells |= {name: f"{row[column] / unit.in_fj:.3f}" for column, name in ORIGINS.items()}
        cells[f"dynamic, {unit.name} per image"] = with_error(
            row["dynamic_fj"] / unit.in_fj, row["standard_error_fj"] / unit.in_fj
        )
        rows.append(cells)
    return pl.DataFrame(rows)


def table_against_tiles(compression: Compression) -> pl.DataFrame | None:
    """Dynamic energy by table against simulated tiles, layer by layer; None where no tiles were simulated."""
    if sources(compression) != list(SOURCES):
        return None
    rows = []
    for stage in ("int8", "compressed"):
        table, tiles = (figures(compression, source, stage) for source in SOURCES)
        for layer in compression.layers:
            error, spread = saving(
                tiles[layer]["dynamic_fj"],
                table[layer]["dynamic_fj"],
                tiles[layer]["standard_error_fj"],
                table[layer]["standard_error_fj"],
            )
            rows.append(
                {
                    "layer": layer,
                    "network": stage,
                    "fJ per MAC by table": _per_mac(table[layer]),
                    "fJ per MAC by tiles": _per_mac(tiles[layer]),
                    "table against tiles": percent(-error, spread),
                }
            )
    return pl.DataFrame(rows)


def _per_mac(row: Mapping[str, Any]) -> str:
    return with_error(row["dynamic_fj"] / row["macs"], row["standard_error_fj"] / row["macs"])


def kept_sets(compression: Compression) -> pl.DataFrame:
    """The allowed values of each layer."""
    return pl.DataFrame(
        {
            "layer": compression.layers,
            "values": [
                "all 256" if layer["values"] is None else ", ".join(map(str, layer["values"]))
                for layer in compression.summary["layers"]
            ],
        }
    )


def decisions(compression: Compression) -> pl.DataFrame:
    """What was tried on each layer, in order."""
    rows = [
        {
            "layer": event["layer"],
            "pruning ratio": f"{event['ratio']:g}",
            "K": str(event["set_size"]),
            "validation accuracy": percent(event["accuracy"]),
            "verdict": event["verdict"],
        }
        for event in compression.journal
        if event["event"] == "ConfigurationTried"
    ]
    return pl.DataFrame(rows)


def figures_of(rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Rows of plain figures, such as a training's epochs."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pl.DataFrame([{name.replace("_", " "): cell(row.get(name)) for name in names} for row in rows])


def savings(rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """What layers laid onto the array at less cost save, a row an option and layer."""
    return pl.DataFrame(
        [
            {"mapping": row["option"], "layer": row["layer"]}
            | {f"{name} saved": percent(row[f"{name}_saving"]) for name in ACCOUNTINGS}
            | {
                "datapath, nJ": f"{row['datapath_fj'] * 1e-6:.4g}",
                "offset registers, nJ": f"{row['preload_fj'] * 1e-6:.3g}",
            }
            for row in rows
        ]
    )


def pairs(mapping: Mapping[str, Any]) -> pl.DataFrame:
    """Names and strings."""
    return pl.DataFrame({"what": list(mapping), "which": [str(value) for value in mapping.values()]})


def table_provenance(tables: Sequence[Table]) -> tuple[dict[str, str], pl.DataFrame]:
    """What all characterisation tables have in common, and what each has of its own."""
    names = list(dict.fromkeys(name for table in tables for name in table.metadata))
    found = {name: {table.metadata.get(name, NONE) for table in tables} for name in names}
    common = {name: values.pop() for name, values in found.items() if len(values) == 1}
    own = [{"table": t.name} | {n: t.metadata.get(n, NONE) for n in names if n not in common} for t in tables]
    return common, pl.DataFrame(own)
