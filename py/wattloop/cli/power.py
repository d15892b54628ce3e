"""`wattloop power`: watts of any mapped netlist from any recorded activity."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wattloop.cli import output
from wattloop.cli.options import Json
from wattloop.cli.progress import ConsoleProgress

_LARGEST = 10


def command(
    netlist: Annotated[Path, typer.Option("--netlist", help="Mapped Verilog netlist, gzip or not.")],
    liberty: Annotated[
        list[str], typer.Option("--liberty", help="Liberty file or library name; may be given several times.")
    ],
    clock: Annotated[str, typer.Option("--clock", metavar="PORT=PERIOD", help="Clock, e.g. clk=1000ps.")],
    scope: Annotated[str, typer.Option("--scope", help="The netlist's instance in the activity, e.g. tb/m.")],
    top: Annotated[str | None, typer.Option("--top", help="Module of the netlist.", show_default=False)] = None,
    saif: Annotated[
        Path | None, typer.Option("--saif", help="Activity as SAIF, gzip or not.", show_default=False)
    ] = None,
    waves: Annotated[Path | None, typer.Option("--waves", help="Activity as VCD or FST.", show_default=False)] = None,
    load: Annotated[
        str, typer.Option("--load", help="Pin capacitances: signoff (as sign-off tools take them) or typical.")
    ] = "signoff",
    wire_ff: Annotated[float, typer.Option("--wire-ff", help="Wire capacitance in fF per cell pin driven.")] = 0.0,
    as_json: Json = False,
) -> None:
    """Compute power by instance and by group in the convention of OpenSTA, and the critical path.

    Example: wattloop power --netlist mac.v --top mac --liberty nangate15 --saif act.saif.gz --scope tb/m
    --clock clk=1000ps --json
    """
    from wattloop.flow import power as flow
    from wattloop.power.signoff import COLUMNS, GROUPS

    job = flow.PowerJob(
        netlist=netlist,
        top=top,
        liberty=tuple(liberty),
        clock=flow.parse_clock(clock),
        scope=scope,
        saif=saif,
        waves=waves,
        load=load,
        wire_ff=wire_ff,
    )
    report = flow.run_power(job, progress=ConsoleProgress())
    if report.unannotated_pins:
        typer.echo(f"wattloop: the activity of {report.unannotated_pins} pins is estimated, not recorded", err=True)
    if as_json:
        output.print_json(flow.as_json(report, job))
        return
    rows = [(group, *report.group_w(group).tolist()) for group in (*GROUPS, "total")]
    output.print_table(f"Power in W ({report.convention})", ("group", *COLUMNS), rows)
    largest = sorted(zip(report.watts[:, -1].tolist(), report.instances, strict=True), reverse=True)[:_LARGEST]
    output.print_table("\nLargest instances", ("instance", "W"), [(name, watts) for watts, name in largest])
    typer.echo(f"\n{report.annotated_pins} of {report.annotated_pins + report.unannotated_pins} pins annotated")
    if report.timing is not None:
        typer.echo(f"critical path {report.timing.summary}")
