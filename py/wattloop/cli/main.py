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
    export,
    import_,
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
from wattloop.cli.progress import speak
from wattloop.errors import WattloopError

app = typer.Typer(
    name="wattloop",
    no_args_is_help=True,
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    help="Retrain neural networks to use the weight values that cost little energy on a systolic array.",
    epilog="Exit status: 0 done, 2 wrong input or missing tool (one line says which), 130 interrupted. "
    "NO_COLOR=1 takes the colours away; a run's folder holds its log (log.txt).",
    context_settings={"help_option_names": ["-h", "--help"]},
)
_COMMANDS = (
    *(demo, render, synth, train, statistics, characterize, estimate, verdict, explore, map, compress, report),
    *(export, import_),
    *(reproduce, timing, power, saif, doctor),
)
_INTERRUPTED = 130
for _module in _COMMANDS:
    app.command(_module.__name__.rpartition(".")[2].rstrip("_"))(_module.command)
for _group in (models, runs, cache, verify, bench):
    app.add_typer(_group.app, name=_group.__name__.rpartition(".")[2])


@app.callback()
def _options(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print results and errors alone.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Also say what is built, taken from the cache and started.")
    ] = False,
) -> None:
    speak(quiet=quiet, verbose=verbose)
    context.call_on_close(speak)  # another command in this process speaks as it is told itself
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
    except SystemExit as ended:
        if ended.code == _INTERRUPTED:
            print("wattloop: interrupted; the same command goes on from what it has kept", file=sys.stderr)
        raise


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _complain(error: WattloopError) -> int:
    print(f"wattloop: {' '.join(str(error).split())}", file=sys.stderr)
    return 2
