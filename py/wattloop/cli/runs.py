"""`wattloop runs`: what was run, how runs differ, and questions in SQL over all that they hold."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wattloop.cli import output
from wattloop.cli.options import Json

if TYPE_CHECKING:
    from wattloop.report.catalogue import Answer

app = typer.Typer(no_args_is_help=True, help="List and compare runs, and query all that they hold.")

_HERE = [Path("runs")]
Folders = Annotated[
    list[Path] | None, typer.Argument(help="Runs, or folders with runs below.  [default: runs]", show_default=False)
]


@app.command("list")
def listed(folders: Folders = None, as_json: Json = False) -> None:
    """Runs, the oldest first: command, start, seconds, and what a compression came to.

    Example: wattloop runs list
    """
    from wattloop.report.catalogue import Catalogue, headline

    catalogue = Catalogue(folders or _HERE)
    answer = catalogue.ask("SELECT run, command, started, seconds FROM runs ORDER BY started, run")
    found = [record | {"result": headline(Path(record["run"]))} for record in answer.records]
    if as_json:
        output.print_json(found)
        return
    output.print_table("Runs", (*answer.columns, "result"), [tuple(record.values()) for record in found])


@app.command()
def compare(
    folders: Annotated[list[Path], typer.Argument(help="Runs, or folders with runs below.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Settings, versions and hashes that are not the same in all of the runs, and what each came to.

    Example: wattloop runs compare runs/a runs/b
    """
    from wattloop.report.catalogue import Catalogue, headline

    catalogue = Catalogue(folders)
    differences = catalogue.differences()
    results = {str(folder): headline(folder) for folder in catalogue.folders}
    if as_json:
        output.print_json({"results": results, "differences": differences.records})
        return
    output.print_table("Results", ("run", "result"), list(results.items()))
    _print("Differences", differences)


@app.command()
def tables(folders: Folders = None, as_json: Json = False) -> None:
    """Tables that `query` knows, with their columns.

    Example: wattloop runs tables runs/demo
    """
    from wattloop.report.catalogue import Catalogue

    found = Catalogue.with_files(folders or _HERE).tables
    if as_json:
        output.print_json(found)
        return
    output.print_table("Tables", ("table", "columns"), [(name, ", ".join(columns)) for name, columns in found.items()])


@app.command()
def query(
    sql: Annotated[str, typer.Argument(help="In DuckDB's SQL.", show_default=False)],
    folders: Folders = None,
    as_json: Json = False,
) -> None:
    """Ask in SQL; it can read these tables and nothing else, and change nothing.

    Example: wattloop runs query "SELECT run, method, setting, accuracy, datapath_saving FROM compression_rows
    WHERE accuracy_int8 - accuracy <= 0.01 ORDER BY datapath_saving DESC"
    """
    from wattloop.report.catalogue import Catalogue

    answer = Catalogue.with_files(folders or _HERE).ask(sql)
    if as_json:
        output.print_json(answer.records)
        return
    _print("", answer)


def _print(title: str, answer: Answer) -> None:
    output.print_table(title, answer.columns, [["" if cell is None else cell for cell in row] for row in answer.rows])
