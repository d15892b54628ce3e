"""Many run folders as tables that can be asked: what ran, with which settings, and every Parquet file of theirs."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from wattloop import runs
from wattloop.errors import ConfigError, StorageError
from wattloop.report.differing import differing, flat, lasting
from wattloop.report.files import json_mapping, json_rows, read

_OWN = ("runs", "facts", "settings")


@dataclass(frozen=True)
class Answer:
    """Rows of a query.

    Attributes:
        columns: their names.
        rows: plain values (numbers, texts, lists, None), one tuple a row.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    @property
    def records(self) -> list[dict[str, Any]]:
        """A mapping for each row."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


class Catalogue:
    """Run folders in an in-memory database.

    Tables: `runs` (run, command, started, seconds), `facts` and `settings` (run, name, value); `with_files` has more.

    Args:
        folders: run folders, or folders with runs somewhere below.

    Raises:
        StorageError: no run among them, or one that cannot be read.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = tuple(dict.fromkeys(run for folder in folders for run in _runs_below(folder)))
        if not self.folders:
            raise StorageError(f"no run in {', '.join(map(str, folders))}; name folders that --out was given")
        self._facts = {str(folder): runs.facts_of(folder) for folder in self.folders}
        self._settings = {str(folder): _settings(folder) for folder in self.folders}
        self._base = duckdb.connect()
        self._fill()

    @classmethod
    def with_files(cls, folders: Sequence[Path]) -> Catalogue:
        """With a table for each Parquet file that the runs hold, for queries, which can reach nothing else.

        A table has the columns of its file beside `run`, and is named by the path with `_` between:
        `compression/rows.parquet` is `compression_rows`.

        Raises:
            StorageError: no run among the folders, or one that cannot be read.
        """
        catalogue = cls(folders)
        for name, files in _tables(catalogue.folders).items():
            catalogue._load(name, files)
        catalogue._base.execute("SET enable_external_access = false; SET lock_configuration = true")
        return catalogue

    def _fill(self) -> None:
        self._base.execute("CREATE TABLE runs (run VARCHAR, command VARCHAR, started TIMESTAMP, seconds DOUBLE)")
        for run, facts in self._facts.items():
            values = (run, facts.get("command"), facts.get("started"), facts.get("seconds"))
            self._base.execute(
                "INSERT INTO runs VALUES (?, ?, try_cast(? AS TIMESTAMP), try_cast(? AS DOUBLE))", values
            )
        for table, named in (("facts", self._facts), ("settings", self._settings)):
            self._base.execute(f"CREATE TABLE {table} (run VARCHAR, name VARCHAR, value VARCHAR)")
            rows = [(run, name, value) for run, values in named.items() for name, value in values.items()]
            if rows:
                self._base.executemany(f"INSERT INTO {table} VALUES (?, ?, ?)", rows)

    def _load(self, name: str, files: Mapping[Path, str]) -> None:
        """All files of that name as one table; columns that a file lacks are NULL there."""
        paths = [str(path) for path in files]
        quoted = '"' + name.replace('"', '""') + '"'
        run = "list_extract(?::VARCHAR[], list_position(?::VARCHAR[], __file)) AS run"
        source = "read_parquet(?, union_by_name = true, filename = '__file')"
        create = f"CREATE TABLE {quoted} AS SELECT {run}, * EXCLUDE (__file) FROM {source}"
        try:
            self._base.execute(create, [list(files.values()), paths, paths])
        except duckdb.Error as error:
            raise StorageError(f"cannot read {' or '.join(paths)}: {_said(error)}; run the command again") from error

    @property
    def tables(self) -> dict[str, tuple[str, ...]]:
        """Columns by table."""
        found = self.ask("SELECT table_name, column_name FROM information_schema.columns ORDER BY ALL").rows
        names = dict.fromkeys(name for name, _ in found)
        # In the order in which they stand in the table.
        return {name: self.ask(f'SELECT * FROM "{name}" LIMIT 0').columns for name in names}

    def ask(self, sql: str) -> Answer:
        """Rows of a query in DuckDB's SQL.

        Raises:
            ConfigError: it is no query over these tables.
        """
        try:
            cursor = self._base.execute(sql)
            columns = tuple(str(column[0]) for column in cursor.description or ())
            rows = tuple(tuple(map(_plain, row)) for row in cursor.fetchall())
        except duckdb.Error as error:
            raise ConfigError(f"query: {_said(error)}; `wattloop runs tables` lists tables and columns") from error
        return Answer(columns, rows)

    def differences(self) -> Answer:
        """What is not the same in all runs: `setting` or `fact`, its name, then the value in each run."""
        lasting_facts = {run: lasting(facts) for run, facts in self._facts.items()}
        rows = [
            (what, name, *values)
            for what, named in (("setting", self._settings), ("fact", lasting_facts))
            for name, values in differing(named, None)
        ]
        return Answer(("what", "name", *map(str, self.folders)), tuple(rows))


def _runs_below(folder: Path) -> Iterator[Path]:
    """The folder itself if it is a run, else the runs below it; none within a run, none that is being written."""
    if not folder.is_dir():
        raise StorageError(f"{folder} is no folder; name folders that --out was given")
    for path, inner, files in os.walk(folder):
        if runs.PROVENANCE in files and runs.SETTINGS in files:
            yield Path(path)
            inner.clear()
        inner[:] = sorted(name for name in inner if not name.startswith("."))


def _settings(folder: Path) -> dict[str, str]:
    """Settings by dotted key, as JSON."""
    path = folder / runs.SETTINGS
    try:
        return {name: json.dumps(value, default=str) for name, value in flat(tomllib.loads(path.read_text()))}
    except (OSError, ValueError) as error:
        raise StorageError(f"cannot read {path}: {error}; run the command again") from error


def _tables(folders: Sequence[Path]) -> dict[str, dict[Path, str]]:
    """Parquet files with their runs, by name of table."""
    found: dict[str, dict[Path, str]] = {}
    for folder in folders:
        for path in sorted(folder.rglob("*.parquet")):
            name = "_".join(path.relative_to(folder).with_suffix("").parts)
            found.setdefault(f"{name}_file" if name in _OWN else name, {})[path] = str(folder)
    return found


def _said(error: duckdb.Error) -> str:
    """The first line: the others draw arrows below the statement."""
    return str(error).partition("\n")[0]


def _plain(value: Any) -> Any:
    """What JSON has a word for."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def headline(folder: Path) -> str:
    """What a compression came to: the saving of its best network and what that cost in test accuracy; "" for others.

    Raises:
        StorageError: its results are damaged.
    """
    found = folder / "compression"
    if not (found / "result.json").is_file():
        return ""
    best = read(found / "result.json", json_mapping)["best"]
    if best is None:
        return "no network keeps to the bound and costs less"
    row = read(found / "rows.json", json_rows)[best]
    change = 100 * (row["accuracy"] - row["accuracy_int8"])
    return f"{row['datapath_saving']:.1%} of datapath, {change:+.2f} points ({row['method']} {row['setting']})"
