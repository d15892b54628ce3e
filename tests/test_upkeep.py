from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from filelock import FileLock
from typer.testing import CliRunner

from wattloop.cli.main import app
from wattloop.errors import ConfigError
from wattloop.store import Store
from wattloop.upkeep import clear, shelves

DAY_S = 86400


def put(store: Store, kind: str, key: str, size_bytes: int = 100, age_days: float = 0.0) -> Path:
    def build(folder: Path) -> None:
        (folder / "deep").mkdir()
        (folder / "deep" / "file").write_bytes(b"x" * size_bytes)

    entry = store.entry(kind, key, build)
    then = time.time() - age_days * DAY_S
    os.utime(entry, (then, then))
    return entry


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "cache")
    put(store, "table", "a", 100, age_days=10)
    put(store, "table", "b", 50, age_days=1)
    put(store, "netlist", "c", 7)
    return store


def test_kinds_are_listed_with_number_size_and_age(store: Store) -> None:
    netlist, table = shelves(store.root)
    assert (netlist.kind, netlist.entries, netlist.size_bytes) == ("netlist", 1, 7)
    assert (table.kind, table.entries, table.unfinished, table.size_bytes) == ("table", 2, 0, 150)
    assert table.oldest_days == pytest.approx(10, abs=0.01)
    assert table.newest_days == pytest.approx(1, abs=0.01)


def test_no_folder_holds_nothing(tmp_path: Path) -> None:
    assert shelves(tmp_path / "none") == []
    assert clear(tmp_path / "none").entries == 0


def test_all_goes_and_can_be_built_again(store: Store) -> None:
    done = clear(store.root)
    assert (done.entries, done.size_bytes, done.in_use) == (3, 157, 0)
    assert all(shelf.entries == 0 for shelf in shelves(store.root))
    assert put(store, "table", "a").is_dir()


def test_only_the_named_kind_and_only_what_is_old_goes(store: Store) -> None:
    assert clear(store.root, ["table"], older_than_days=5).entries == 1
    assert not store.holds("table", "a")
    assert store.holds("table", "b")
    assert store.holds("netlist", "c")


def test_a_dry_run_counts_and_removes_nothing(store: Store) -> None:
    assert clear(store.root, dry_run=True).entries == 3
    assert sum(shelf.entries for shelf in shelves(store.root)) == 3


def test_a_kind_that_is_not_there_is_refused_before_anything_goes(store: Store) -> None:
    with pytest.raises(ConfigError, match="holds no tabel; it holds netlist, table"):
        clear(store.root, ["netlist", "tabel"])
    assert store.holds("netlist", "c")


@pytest.mark.parametrize("lock", [".a.lock", "a.lock"])
def test_what_another_process_builds_or_continues_stays(store: Store, lock: str) -> None:
    with FileLock(str(store.root / "table" / lock)):
        done = clear(store.root, ["table"])
    assert (done.entries, done.in_use) == (1, 1)
    assert store.holds("table", "a")


def test_what_a_killed_build_left_is_counted_apart_and_goes_unless_it_is_still_built(store: Store) -> None:
    scratch = store.root / "table" / ".d.0123456789ab"
    scratch.mkdir()
    (scratch / "half").write_bytes(b"x" * 5)
    assert (shelves(store.root)[1].entries, shelves(store.root)[1].unfinished) == (2, 1)
    with FileLock(str(store.root / "table" / ".d.lock")):
        assert clear(store.root, ["table"]).in_use == 1
    assert scratch.is_dir()
    assert clear(store.root, ["table"]).entries == 1
    assert not scratch.exists()


def test_a_link_goes_and_what_it_leads_to_stays(store: Store, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "mine").write_text("")
    (store.root / "table" / "z").symlink_to(elsewhere)
    assert clear(store.root, ["table"]).entries == 3
    assert (elsewhere / "mine").exists()


def test_the_command_lists_and_clears(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATTLOOP_CACHE", str(store.root))
    run = CliRunner().invoke
    listed = json.loads(run(app, ["cache", "list", "--json"]).stdout)
    assert listed["folder"] == str(store.root)
    assert [kind["entries"] for kind in listed["kinds"]] == [1, 2]
    assert "energies by weight value" in run(app, ["cache", "list"]).stdout
    assert "would remove 3 entries" in run(app, ["cache", "clear", "--dry-run"]).stdout
    assert json.loads(run(app, ["cache", "clear", "table", "--json"]).stdout)["entries"] == 2
    assert "removed 1 entries" in run(app, ["cache", "clear"]).stdout
