"""The end of a compression, in a few lines."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from wattloop.cli import output
from wattloop.report.units import ACCOUNTINGS, energy_unit, percent, root_sum_square, saving, with_error

if TYPE_CHECKING:
    from wattloop.compression.result import CompressionResult, LayerResult
    from wattloop.compression.subject import Quality
    from wattloop.power.oracle import LayerEnergy


def print_result(result: CompressionResult, out: Path) -> None:
    """Print accuracy, energy and the sets kept of the best network, then a line for every network."""
    from wattloop.report import bounded

    if result.out_of_time:
        typer.echo(
            "The hours were spent: this is the best so far. The same command with more --max-hours goes on from here."
        )
    if result.best is None:
        typer.echo("No network keeps to the bound and costs less: the int8 one is left as it was.")
    output.print_table("", ("", "int8", "compressed", ""), [*_accuracies(result), *_energies(result)])
    typer.echo(f"\nEnergy: {_accounting(result)}.\n")
    headings = ("layer", "pruned", "values", "kept")
    output.print_table("Weights", headings, [_kept(layer) for layer in result.layers])
    if result.rows:
        typer.echo()
        output.print_table("Networks, in all accountings", *networks(result))
    for line in bounded.origins(result.rows):
        typer.echo(f"Supply {line}")
    typer.echo(f"\n{out / 'report.html'}\n{out / 'report.md'}")


def figures(result: CompressionResult, out: Path) -> dict[str, object]:
    """The same for programs: accuracies as fractions, dynamic and total energies in fJ per image."""
    found: dict[str, object] = {
        f"{split}_accuracy": {"int8": before.accuracy, "compressed": after.accuracy}
        for split, before, after in _splits(result)
    }
    for source, before, after in _sources(result):
        found[f"{source}_fj"] = {
            "int8": sum(row.energy.dynamic_fj for row in before),
            "compressed": sum(row.energy.dynamic_fj for row in after),
        }
        found[f"{source}_total_fj"] = {
            "int8": sum(row.energy.total_fj for row in before),
            "compressed": sum(row.energy.total_fj for row in after),
        }
        found["accounting"] = before[0].accounting
    found["sets"] = {layer.layer: layer.values for layer in result.layers}
    found |= {"rows": [asdict(row) for row in result.rows], "front": result.front, "best": result.best}
    return found | {"out_of_time": result.out_of_time, "report": out / "report.md"}


def networks(result: CompressionResult) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Headings and a line for every network; those of the Pareto front are marked."""
    from wattloop.report import bounded

    headings = ("", "method", "setting", "validation", "test", "datapath", "total", "functional", "array", "values")
    lines = []
    told = [bounded.columns(row) if bounded.is_bounded(result.rows) else {} for row in result.rows]
    for number, row in enumerate(result.rows):
        mark = "best" if number == result.best else "front" if number in result.front else ""
        savings = (row.total_saving, row.functional_saving, row.array_saving)
        lines.append(
            (
                mark,
                row.method,
                f"{row.setting} (laid out)" if row.mapped else row.setting,
                percent(row.validation),
                percent(row.accuracy),
                percent(row.datapath_saving, row.datapath_saving_error),
                *map(percent, savings),
                str(row.max_values_per_layer),
                *told[number].values(),
            )
        )
    return (*headings, *(told[0] if told else ())), lines


def _splits(result: CompressionResult) -> Iterable[tuple[str, Quality, Quality]]:
    yield "validation", result.validation_before, result.validation_after
    yield "test", result.test_before, result.test_after


def _sources(result: CompressionResult) -> Iterable[tuple[str, list[LayerEnergy], list[LayerEnergy]]]:
    yield "table", [row.table_before for row in result.layers], [row.table_after for row in result.layers]
    before = [row.tiles_before for row in result.layers if row.tiles_before is not None]
    after = [row.tiles_after for row in result.layers if row.tiles_after is not None]
    if before:
        yield "tiles", before, after


def _accuracies(result: CompressionResult) -> Iterable[tuple[str, str, str, str]]:
    for split, before, after in _splits(result):
        moved = 100 * (after.accuracy - before.accuracy)
        yield (
            f"{split} accuracy ({after.images} images)",
            percent(before.accuracy),
            percent(after.accuracy),
            f"{moved:+.2f} points",
        )


def _energies(result: CompressionResult) -> Iterable[tuple[str, str, str, str]]:
    for source, *stages in _sources(result):
        sums = [sum(row.energy.dynamic_fj for row in rows) for rows in stages]
        errors = [root_sum_square(row.standard_error_fj for row in rows) for rows in stages]
        unit = energy_unit(sums)
        before, after = (
            with_error(value / unit.in_fj, error / unit.in_fj) for value, error in zip(sums, errors, strict=True)
        )
        saved = percent(*saving(*sums, *errors))
        yield f"energy by {source}, {unit.name} per image", before, after, f"{saved} saved"
        whole, left = (sum(row.energy.total_fj for row in rows) for rows in stages)
        saved = percent(1 - left / whole)
        yield "  with clock and leakage", f"{whole / unit.in_fj:.2f}", f"{left / unit.in_fj:.2f}", f"{saved} saved"


def _accounting(result: CompressionResult) -> str:
    name = result.layers[0].table_before.accounting
    return f"{name}, {ACCOUNTINGS.get(name, 'as named by its origin')}"


def _kept(layer: LayerResult) -> tuple[str, str, str, str]:
    if layer.values is None:
        return layer.layer, "-", "256", "all"
    return layer.layer, f"{layer.sparsity:.0%}", str(len(layer.values)), " ".join(map(str, layer.values))
