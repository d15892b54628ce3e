"""`wattloop cache`: what lies in the cache folder, and how it is emptied."""

from __future__ import annotations

from typing import Annotated

import typer

from wattloop.cli import output
from wattloop.cli.options import Json
from wattloop.store import cache_root
from wattloop.upkeep import Shelf, clear, shelves

app = typer.Typer(no_args_is_help=True, help="Show what the cache folder holds, or clear it.")

_MB = 1e6
_HOLDS = {
    "bitparallel": "the native engine, compiled",
    "campaign": "compressions that an exhibit took",
    "energies": "energies of simulated tiles",
    "exploration": "energies of cells that were compared",
    "float": "float networks",
    "liberty": "parsed Liberty libraries",
    "loads": "capacitances",
    "netlist": "synthesised netlists",
    "network": "int8 networks",
    "proof": "netlists proved equal to their RTL",
    "resume": "progress of runs that were interrupted",
    "simulation": "compiled simulations",
    "statistics": "transitions of layers",
    "table": "energies by weight value",
    "verilator-runtime": "Verilator's own library, compiled",
    "yardstick": "speed of this machine",
}


@app.command("list")
def listed(as_json: Json = False) -> None:
    """Kinds of entries: how many, their size (MB) and age (days since they were built).

    The folder is $WATTLOOP_CACHE, or the user's cache folder. Example: wattloop cache list --json
    """
    root = cache_root()
    found = shelves(root)
    if as_json:
        output.print_json({"folder": str(root), "kinds": found})
        return
    head = ("kind", "entries", "unfinished", "MB", "oldest, days", "newest, days", "holds")
    output.print_table(f"Cache in {root}", head, [_line(shelf) for shelf in found])
    typer.echo(f"{sum(shelf.size_bytes for shelf in found) / _MB:.1f} MB in all")


def _line(shelf: Shelf) -> tuple[object, ...]:
    ages = (f"{shelf.oldest_days:.1f}", f"{shelf.newest_days:.1f}")
    size = f"{shelf.size_bytes / _MB:.1f}"
    return (shelf.kind, shelf.entries, shelf.unfinished, size, *ages, _HOLDS.get(shelf.kind, ""))


@app.command("clear")
def clear_entries(
    kinds: Annotated[list[str] | None, typer.Argument(help="Kinds, as `list` names them; all if none.")] = None,
    older_than_days: Annotated[float, typer.Option(min=0.0, help="Only what was built so many days ago.")] = 0.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and remove nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Remove entries; what a process is building or continuing stays.

    A command that reads an entry as it goes may fail; started again it builds what it needs.

    Examples: wattloop cache clear --older-than-days 30; wattloop cache clear resume table --dry-run
    """
    done = clear(cache_root(), kinds or (), older_than_days=older_than_days, dry_run=dry_run)
    if as_json:
        output.print_json(done)
        return
    verb = "would remove" if dry_run else "removed"
    in_use = f"; {done.in_use} in use stay" if done.in_use else ""
    typer.echo(f"{verb} {done.entries} entries, {done.size_bytes / _MB:.1f} MB{in_use}")
