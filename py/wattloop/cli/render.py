"""`wattloop render`: the SystemVerilog of a MAC cell and its array."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wattloop.cli import output
from wattloop.cli.options import Config, Json, Multiplier, Out, Set, overrides
from wattloop.cli.progress import ConsoleProgress


def command(
    config: Config = None,
    assignments: Set = None,
    multiplier: Multiplier = None,
    rows: Annotated[int | None, typer.Option("--rows", help="Rows of the array.", show_default=False)] = None,
    cols: Annotated[int | None, typer.Option("--cols", help="Columns of the array.", show_default=False)] = None,
    out: Out = Path("runs/rtl"),
    as_json: Json = False,
) -> None:
    """Write the SystemVerilog of the MAC cell, the array and its simulation top, one module a file.

    Example: wattloop render --multiplier booth --rows 8 --cols 8 --out rtl-8x8
    """
    from wattloop.flow.cells import write_array
    from wattloop.flow.settings import load
    from wattloop.runs import run_folder

    settings = load(
        config,
        overrides(
            assignments,
            hardware__array__mac__multiplier=multiplier,
            hardware__array__rows=rows,
            hardware__array__cols=cols,
        ),
    )
    array = settings.hardware.array
    with run_folder(out, command="render", settings=settings, seeds={}) as run:
        names = [path.name for path in write_array(settings.hardware, run.folder, progress=ConsoleProgress())]
    files = [out / name for name in names]
    if as_json:
        output.print_json({"module": array.module_name, "files": files})
    else:
        typer.echo("\n".join(map(str, files)))
