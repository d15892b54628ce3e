"""The `wattloop` command: one subcommand, one file; every expected error is one line and exit status 2."""

from __future__ import annotations

import importlib.metadata
import signal
import sys
from types import FrameType
from typing import Annotated

import typer

from wattloop.cli import (
    bench,
    cache,
    characterize,
    compress,
    demo,
    doctor,
    estimate,
    explore,
    map,
    models,
    power,
    render,
    report,
    reproduce,
    runs,
    saif,
    statistics,
    synth,
    timing,
    train,
    verdict,
    verify,
)
from wattloop.errors import WattloopError

app = typer.Typer(
    name="wattloop",
    no_args_is_help=True,
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    help="Retrain neural networks to use the weight values that cost little energy on a systolic array.",
    epilog="Exit status: 0 done, 2 wrong input or missing tool (one line says which), 130 interrupted.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
_COMMANDS = (
    *(demo, render, synth, train, statistics, characterize, estimate, verdict, explore, map, compress, report),
    *(reproduce, timing, power, saif, doctor),
)
for _module in _COMMANDS:
    app.command(_module.__name__.rpartition(".")[2])(_module.command)
for _group in (models, runs, cache, verify, bench):
    app.add_typer(_group.app, name=_group.__name__.rpartition(".")[2])


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
) -> None:
    if version:
        typer.echo(f"wattloop {importlib.metadata.version('wattloop')}")
        raise typer.Exit


def main() -> None:
    """Entry point of the console script."""
    signal.signal(signal.SIGTERM, _interrupt)  # so that a terminated run cleans up like an interrupted one
    # Beyond a file-size limit a write should fail like on a full disk, not kill us.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        app()
    except WattloopError as error:
        sys.exit(_complain(error))


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _complain(error: WattloopError) -> int:
    print(f"wattloop: {' '.join(str(error).split())}", file=sys.stderr)
    return 2
