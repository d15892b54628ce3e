"""Options that several subcommands share, and how they become settings."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from wattloop.errors import ConfigError, StorageError


def _place(out: Path) -> Path:
    """Where a run's folder goes: a link stands for what it leads to, and is not replaced itself.

    Raises:
        StorageError: the command runs inside `out`, which could not be replaced under its feet.
    """
    real = Path(os.path.realpath(out))
    if Path.cwd().is_relative_to(real):
        raise StorageError(f"{out} is a folder that the command runs in; choose another folder with --out")
    return real if out.is_symlink() else out


Config = Annotated[Path | None, typer.Option("--config", "-c", help="TOML file with settings.", show_default=False)]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="One setting, e.g. hardware.clock_ps=250.", show_default=False),
]
Out = Annotated[Path, typer.Option("--out", "-o", help="Folder of the run.", callback=_place)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Library = Annotated[
    str | None,
    typer.Option("--library", help="Liberty library: nangate15, nangate45, osu018, or a file.", show_default=False),
]
Multiplier = Annotated[
    str | None,
    typer.Option(
        "--multiplier",
        help="How the cell multiplies: array, booth, sign_magnitude, shift, or one of your own.",
        show_default=False,
    ),
]
ClockPs = Annotated[float | None, typer.Option("--clock-ps", help="Clock period in ps.", show_default=False)]
Seed = Annotated[int | None, typer.Option("--seed", help="Seed of everything random.", show_default=False)]
Simulator = Annotated[
    str | None,
    typer.Option(
        "--simulator",
        help="icarus, verilator, bitparallel (native), or bitparallel-timed (native, with glitches),"
        " bitparallel-coarse (the same on a grid twice as coarse, in half the time).",
        show_default=False,
    ),
]
Data = Annotated[
    Path | None, typer.Option("--data-root", help="Folder of the data set's official archive.", show_default=False)
]


def share(text: str | None) -> float | None:
    """A share as people write it.

    >>> share("1%"), share("0.01")
    (0.01, 0.01)

    Raises:
        ConfigError: it is none.
    """
    if text is None:
        return None
    try:
        return float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        raise ConfigError(f"{text} is no share: write it as 1% or 0.01") from None


def picoseconds(text: str | None) -> float | None:
    """A time as people write it.

    >>> picoseconds("150ps"), picoseconds("150")
    (150.0, 150.0)

    Raises:
        ConfigError: it is none.
    """
    if text is None:
        return None
    try:
        return float(text.removesuffix("ps"))
    except ValueError:
        raise ConfigError(f"{text} is no time: write it as 150ps or 150") from None


Workers = Annotated[
    str | None,
    typer.Option(
        "--workers",
        metavar="[KIND:]N",
        help="Divide the work among N processes of this machine, or threads:N; 0, or processes, for one a core.",
        show_default=False,
    ),
]
Dask = Annotated[
    str | None,
    typer.Option("--dask", metavar="tcp://HOST:PORT", help="Divide the work on a Dask cluster.", show_default=False),
]


def workplace(workers: str | None, dask: str | None) -> dict[str, object]:
    """Settings of `--workers` and `--dask`, for `overrides`.

    >>> workplace("2", None)["parallel__workers"], workplace("threads:4", None)["parallel__count"]
    ('processes', '4')

    Raises:
        ConfigError: both are given, or `--workers dask`, which lacks an address.
    """
    if dask is not None:
        if workers is not None:
            raise ConfigError("--workers divides the work on this machine, --dask on a cluster: give one of them")
        return {"parallel__workers": "dask", "parallel__dask": dask}
    if workers is None:
        return {}
    if workers.partition(":")[0] == "dask":
        raise ConfigError("--workers divides the work on this machine; for a cluster give --dask tcp://HOST:PORT")
    if workers in ("serial", "threads", "processes"):
        return {"parallel__workers": workers, "parallel__count": "0"}  # one a core
    kind, _, count = workers.rpartition(":")
    return {"parallel__workers": kind or "processes", "parallel__count": count}


def overrides(assignments: list[str] | None, **named: object) -> dict[str, str]:
    """Settings by dotted key, as TOML text: those of named options (those not given are left out), then `--set`.

    >>> overrides(["seed=2"], hardware__clock_ps=250.0, hardware__library=None)
    {'hardware.clock_ps': '250.0', 'seed': '2'}
    """
    values = {key.replace("__", "."): str(value) for key, value in named.items() if value is not None}
    for assignment in assignments or []:
        key, equals, value = assignment.partition("=")
        if not equals or not key.strip():
            raise ConfigError(f"--set {assignment}: write it as key=value, e.g. --set hardware.clock_ps=250")
        values[key.strip()] = value.strip()
    return values
