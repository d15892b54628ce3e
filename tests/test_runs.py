from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

from wattloop import store, tools
from wattloop.errors import StorageError
from wattloop.runs import run_folder


@dataclass(frozen=True)
class Settings:
    library: str = "nangate15"


def make_run(out: Path, text: str = "result") -> None:
    with run_folder(out, command="wattloop test", settings=Settings(), seeds={"sampling": 7}) as run:
        run.write("sub/result.txt", text)
        run.facts["library sha256"] = "0959"


def test_a_run_holds_its_settings_seeds_versions_and_results(tmp_path: Path) -> None:
    make_run(tmp_path / "runs" / "a")
    folder = tmp_path / "runs" / "a"
    assert sorted(p.name for p in folder.iterdir()) == ["config.toml", "log.txt", "provenance.json", "sub"]
    assert tomllib.loads((folder / "config.toml").read_text()) == {"library": "nangate15"}
    facts = json.loads((folder / "provenance.json").read_text())
    assert facts["command"] == "wattloop test"
    assert facts["seed sampling"] == "7"
    assert facts["library sha256"] == "0959"
    assert set(tools.TOOLS) < set(facts)
    assert facts["python"].startswith("3.")
    assert all(isinstance(value, str) for value in facts.values())


def test_an_earlier_run_is_replaced_whole(tmp_path: Path) -> None:
    make_run(tmp_path / "a", "old")
    (tmp_path / "a" / "leftover").write_text("")
    make_run(tmp_path / "a", "new")
    assert (tmp_path / "a" / "sub" / "result.txt").read_text() == "new"
    assert not (tmp_path / "a" / "leftover").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_an_earlier_run_survives_a_failure(tmp_path: Path) -> None:
    make_run(tmp_path / "a", "old")
    with (
        pytest.raises(KeyboardInterrupt),
        run_folder(tmp_path / "a", command="x", settings=Settings(), seeds={}) as run,
    ):
        run.write("sub/result.txt", "half")
        raise KeyboardInterrupt
    assert (tmp_path / "a" / "sub" / "result.txt").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_a_failure_leaves_no_folder_that_it_made(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match="boom"),
        run_folder(tmp_path / "new" / "deep" / "a", command="x", settings=Settings(), seeds={}),
    ):
        raise ValueError("boom")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["notes", "notes/file.txt"])
def test_somebodys_files_are_not_replaced(tmp_path: Path, name: str) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "file.txt").write_text("precious")
    with pytest.raises(StorageError, match="something else than a run"):
        make_run(tmp_path / name)
    assert (tmp_path / "notes" / "file.txt").read_text() == "precious"


def test_where_nobody_makes_folders_is_refused() -> None:
    with pytest.raises(StorageError, match="choose another one with --out"):
        make_run(Path("/proc/wattloop"))


def test_a_device_is_left_where_it_is(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(StorageError, match="something else than a run"):
        make_run(tmp_path / "pipe")
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


def test_a_file_where_a_folder_should_be_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(StorageError, match=r"cannot write .*file/a: Not a directory"),
        run_folder(tmp_path / "file" / "a", command="x", settings=Settings(), seeds={}),
    ):
        pytest.fail("the block must not run")


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
        RuntimeError("write failed: No space left on device (os error 28)"),
    ],
    ids=["told by the system", "told by a library"],
)
def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(StorageError) as caught, run_folder(tmp_path / "a", command="x", settings=Settings(), seeds={}):
        raise error
    assert str(caught.value).startswith(f"cannot write {tmp_path / 'a'}: ")
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_file_size_limit_of_the_system_is_met_the_same_way(tmp_path: Path) -> None:
    script = f"""
import resource, signal
from pathlib import Path
from dataclasses import dataclass
from wattloop.errors import StorageError
from wattloop.runs import run_folder

@dataclass
class S: a: int = 1

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    with run_folder(Path({str(tmp_path / "a")!r}), command="x", settings=S(), seeds={{}}) as run:
        run.write("big", "x" * 2000)
except StorageError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"cannot write {tmp_path / 'a' / 'big'}: File too large; free space")
    assert list(tmp_path.iterdir()) == []


def test_a_bug_is_not_dressed_as_a_storage_error(tmp_path: Path) -> None:
    with (
        pytest.raises(FileNotFoundError),
        run_folder(tmp_path / "a", command="x", settings=Settings(), seeds={}) as run,
    ):
        (run.folder / "absent").read_text()
    assert store.scratch_beside(tmp_path / "a").parent == tmp_path
    assert list(tmp_path.iterdir()) == []
