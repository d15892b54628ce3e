"""`wattloop map`: layers laid onto the array so that they cost less and compute the same, bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wattloop.cli import output
from wattloop.cli.options import Config, Dask, Data, Json, Library, Out, Seed, Set, Workers, overrides, workplace
from wattloop.cli.progress import ConsoleProgress

_ACCOUNTINGS = ("datapath", "total", "functional", "array")


def command(
    config: Config = None,
    assignments: Set = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option("--checkpoint", help="A trained int8 network (.safetensors, .onnx).", show_default=False),
    ] = None,
    data_root: Data = None,
    library: Library = None,
    images: Annotated[int | None, typer.Option("--images", help="Test images to measure.", show_default=False)] = None,
    tiles: Annotated[
        str | None, typer.Option("--tiles", help="Tiles of each layer to simulate, or all.", show_default=False)
    ] = None,
    workers: Workers = None,
    dask: Dask = None,
    seed: Seed = None,
    out: Out = Path("runs/map"),
    as_json: Json = False,
) -> None:
    """Choose signs, offsets, and orders of rows and pixels on training images; measure what they save on test images.

    Examples: wattloop map --config sim/configs/demo.toml; wattloop map --set mapping.options.offsets=layer
    """
    from wattloop.flow.mapping import MAPPING, mapping_flow
    from wattloop.flow.settings import load, seeded
    from wattloop.runs import run_folder

    named = overrides(
        None,
        network__checkpoint=checkpoint,
        network__data_root=data_root,
        hardware__library=library,
        mapping__images=images,
        mapping__tiles=tiles,
        **workplace(workers, dask),
    )
    settings = load(config, named | seeded(seed) | overrides(assignments))
    with run_folder(out, command="map", settings=settings, seeds=settings.seeds) as run:
        found = mapping_flow(settings, run, progress=ConsoleProgress())
    if as_json:
        output.print_json(found)
        return
    headings = ("mapping", *(f"{name} saved" for name in _ACCOUNTINGS), "datapath nJ", "offset registers nJ")
    rows = [
        (
            row.option,
            *(f"{getattr(row, f'{name}_saving'):.1%}" for name in _ACCOUNTINGS),
            row.datapath_fj * 1e-6,
            row.preload_fj * 1e-6,
        )
        for row in found.rows
        if row.layer == "all"
    ]
    title = f"All convolutions of {found.images} test images, tiles: {found.tiles}; energies of one image"
    output.print_table(title, headings, rows)
    typer.echo(
        "\nSavings are against the layers as they are, by datapath, with clock and leakage (total), without glitches"
        " (functional), with idle PEs (array).\nNo output changes. Registers for offsets stand beside the array and are"
        f" in none of the savings.\n\n{out / MAPPING}"
    )
