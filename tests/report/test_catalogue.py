from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from wattloop.cli.main import app
from wattloop.errors import ConfigError, StorageError
from wattloop.report.catalogue import Catalogue, headline
from wattloop.runs import run_folder


@dataclass(frozen=True)
class Settings:
    clock_ps: float = 200.0
    layers: tuple[str, ...] = ("conv1", "it's")


def make_run(out: Path, clock_ps: float = 200.0, saving: float = 0.5, **more: object) -> None:
    rows = [{"method": "layerwise", "setting": "delta=1", "accuracy": 0.9, "accuracy_int8": 0.91, **more}]
    rows[0]["datapath_saving"] = saving
    with run_folder(out, command="compress", settings=Settings(clock_ps), seeds={}) as run:
        (run.folder / "compression").mkdir()
        pl.DataFrame(rows).write_parquet(run.folder / "compression" / "rows.parquet")
        run.write("compression/rows.json", json.dumps(rows))
        run.write("compression/result.json", json.dumps({"best": 0}))


@pytest.fixture
def two(tmp_path: Path) -> Path:
    make_run(tmp_path / "deep" / "a")
    make_run(tmp_path / "b'c", 250.0, 0.6, extra=7)
    return tmp_path


def test_runs_are_found_wherever_they_lie_and_each_once(two: Path) -> None:
    assert Catalogue([two]).folders == (two / "b'c", two / "deep" / "a")
    assert Catalogue([two, two / "b'c"]).folders == (two / "b'c", two / "deep" / "a")


def test_what_is_being_written_and_what_lies_in_a_run_is_no_run(two: Path) -> None:
    make_run(two / ".b.0123456789ab")
    make_run(two / "deep" / "a" / "inner")
    assert len(Catalogue([two]).folders) == 2


def test_files_of_one_name_are_one_table_with_null_for_what_a_file_lacks(two: Path) -> None:
    catalogue = Catalogue.with_files([two])
    answer = catalogue.ask("SELECT run, datapath_saving, extra FROM compression_rows ORDER BY datapath_saving")
    assert answer.rows == ((str(two / "deep" / "a"), 0.5, None), (str(two / "b'c"), 0.6, 7))
    assert catalogue.tables["compression_rows"][:3] == ("run", "method", "setting")
    assert catalogue.tables["settings"] == ("run", "name", "value")


def test_settings_and_facts_can_be_asked_for(two: Path) -> None:
    catalogue = Catalogue([two])
    assert catalogue.ask("SELECT value FROM settings WHERE name = 'clock_ps' ORDER BY value").rows == (
        ("200.0",),
        ("250.0",),
    )
    assert catalogue.ask("SELECT DISTINCT value FROM settings WHERE name = 'layers'").rows == (('["conv1", "it\'s"]',),)
    assert catalogue.ask("SELECT count(*) FROM facts WHERE name = 'python'").rows == ((2,),)
    [row] = catalogue.ask("SELECT command, year(started) > 2000, seconds FROM runs LIMIT 1").rows
    assert row[:2] == ("compress", True)
    assert isinstance(row[2], float)


def test_only_what_differs_is_compared(two: Path) -> None:
    found = Catalogue([two / "deep" / "a", two / "b'c"]).differences()
    assert found.columns == ("what", "name", str(two / "deep" / "a"), str(two / "b'c"))
    assert found.rows == (("setting", "clock_ps", "200.0", "250.0"),)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_text('{file}')",
        "COPY (SELECT 1) TO '{file}'",
        "ATTACH '{file}'",
        "SET enable_external_access = true",
        "INSTALL httpfs",
    ],
)
def test_a_query_reaches_nothing_but_the_tables(two: Path, sql: str) -> None:
    file = two / "other"
    with pytest.raises(ConfigError, match="query: "):
        Catalogue.with_files([two]).ask(sql.format(file=file))
    assert not file.exists()


def test_a_wrong_query_says_what_there_is(two: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing.*`wattloop runs tables` lists"):
        Catalogue([two]).ask("SELECT nothing FROM runs")


def test_folders_without_runs_and_damaged_runs_are_named(two: Path) -> None:
    with pytest.raises(StorageError, match="none is no folder"):
        Catalogue([two / "none"])
    (two / "empty").mkdir()
    with pytest.raises(StorageError, match=r"no run in .*empty"):
        Catalogue([two / "empty"])
    (two / "b'c" / "compression" / "rows.parquet").write_bytes(b"PAR1 cut short")
    with pytest.raises(StorageError, match=r"cannot read .*rows.parquet.*run the command again"):
        Catalogue.with_files([two])
    (two / "b'c" / "config.toml").write_text("= no TOML")
    with pytest.raises(StorageError, match=r"cannot read .*config.toml"):
        Catalogue([two])


def test_the_headline_is_of_the_best_network(two: Path) -> None:
    assert headline(two / "b'c") == "60.0% of datapath, -1.00 points (layerwise delta=1)"
    assert headline(two) == ""
    result = two / "b'c" / "compression" / "result.json"
    result.write_text('{"best": null}')
    assert headline(two / "b'c") == "no network keeps to the bound and costs less"
    result.write_text('{"best"')
    with pytest.raises(StorageError, match=r"result.json is damaged"):
        headline(two / "b'c")


def test_the_command_lists_compares_and_asks(two: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(two)
    Path("runs").symlink_to(two / "deep")

    def told(*args: str) -> str:
        done = CliRunner().invoke(app, ["runs", *args], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout

    assert [record["run"] for record in json.loads(told("list", "--json"))] == ["runs/a"]
    compared = json.loads(told("compare", "runs/a", "b'c", "--json"))
    assert compared["differences"] == [{"what": "setting", "name": "clock_ps", "runs/a": "200.0", "b'c": "250.0"}]
    assert compared["results"]["b'c"].startswith("60.0%")
    assert "compression_rows" in json.loads(told("tables", "--json"))
    best = "SELECT run, round(max(datapath_saving), 2) AS most FROM compression_rows GROUP BY run"
    assert json.loads(told("query", best, "--json")) == [{"run": "runs/a", "most": 0.5}]
    assert "0.5" in told("query", best)
    assert "50.0% of datapath" in told("list")
    assert "clock_ps" in told("compare", "runs/a", "b'c")
    assert "method" in told("tables")
