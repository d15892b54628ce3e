"""`wattloop verify array`: whole arrays, simulated as they are, against the engine."""

from __future__ import annotations

from typing import Annotated

import typer

from wattloop.cli import output
from wattloop.cli.options import Config, Json, Seed, Set, overrides
from wattloop.cli.progress import ConsoleProgress

_NUMBERS = ("netlist", "fact", "oracle", "transitions", "numbers", "total", "difference")


def command(
    config: Config = None,
    assignments: Set = None,
    size: Annotated[
        list[int] | None,
        typer.Option(
            "--size", help="Rows and columns of an array in gates; may be given several times.", show_default=False
        ),
    ] = None,
    template: Annotated[
        list[str] | None,
        typer.Option("--template", help="Only this MAC, in gates; may be given several times.", show_default=False),
    ] = None,
    simulator: Annotated[
        list[str] | None,
        typer.Option("--simulator", help="icarus or verilator; may be given several times.", show_default=False),
    ] = None,
    rtl: Annotated[int, typer.Option("--rtl", help="Rows and columns of the array in RTL; 0 for none.")] = 64,
    seed: Seed = None,
    as_json: Json = False,
) -> None:
    """Compare the engine with whole arrays: every net of every cell in gates, every register in RTL. Exit status 1: no.

    Example: wattloop verify array --size 4 --template booth --simulator icarus --rtl 16
    """
    from wattloop.flow.array_verification import ArrayScope, verify_array
    from wattloop.flow.settings import load

    settings, default = load(config, overrides(assignments)), ArrayScope()
    usual = default.templates if settings.hardware.own_mac is None else ()
    scope = ArrayScope(
        sizes=tuple(size or default.sizes),
        templates=tuple(template or usual),
        simulators=tuple(simulator or default.simulators),
        rtl=rtl,
        seed=seed or 0,
    )
    checks = verify_array(settings, scope, progress=ConsoleProgress())
    rows = [
        {name: getattr(check, name) for name in _NUMBERS} | {"passed": "passed" if check.passed else "FAILED"}
        for check in checks
    ]
    passed = all(check.passed for check in checks)
    if as_json:
        output.print_json({"passed": passed, "checks": rows})
    else:
        output.print_table("Whole arrays against the engine", (*_NUMBERS, ""), ((*row.values(),) for row in rows))
        typer.echo(f"\n{sum(check.passed for check in checks)} of {len(checks)} checks passed")
    if not passed:
        raise typer.Exit(1)
