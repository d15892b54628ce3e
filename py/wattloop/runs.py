"""Run folders: what a command was told, with which versions, and what came out, in one folder that appears whole.

A run is written into a hidden folder beside its place and renamed when it is done; whatever goes wrong before leaves
nothing behind. Each folder holds `config.toml` (the resolved settings), `provenance.json` (names and strings) and
`log.txt` (what happened, and when).
"""

from __future__ import annotations

import functools
import importlib.metadata
import json
import platform
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from wattloop import config, logs, store, tools
from wattloop.errors import StorageError, ToolError

SETTINGS = "config.toml"
PROVENANCE = "provenance.json"
LOG = "log.txt"

_PACKAGES = ("wattloop", "torch", "numpy", "polars", "scikit-learn", "cocotb", "cocotb-test", "pyverilog")

# How libraries that write files by themselves word a full disk or a file-size limit.
_FULL_DISK = ("No space left on device", "File too large", "Disk quota exceeded")


@dataclass
class Run:
    """A run in the making.

    Attributes:
        folder: where its files go until it is done.
        facts: what `provenance.json` will say beside the versions; add hashes, names and seeds as they become known.
    """

    folder: Path
    facts: dict[str, str] = field(default_factory=dict)

    def write(self, name: str, content: str | bytes) -> Path:
        """Write file `name` of the run."""
        path = self.folder / name
        store.write_atomic(path, content)
        return path

    def record(self) -> None:
        """Write what is known so far as `provenance.json`, for those who read the folder before it is done."""
        self.write(PROVENANCE, json.dumps(self.facts | versions(), indent=2) + "\n")


@contextmanager
def run_folder(out: Path, *, command: str, settings: object, seeds: Mapping[str, int]) -> Iterator[Run]:
    """A run whose folder becomes `out` when the block ends well, in place of an earlier run there.

    Args:
        out: the folder; new, empty, or an earlier run's.
        command: the command that ran, for the record.
        settings: the resolved dataclass.
        seeds: every seed, by what it is for.

    Raises:
        StorageError: `out` cannot be written, or holds files that are not a run's; raised at once, not at the end.
    """
    started = time.monotonic()
    _require_ours(out)
    with _writable(out) as scratch:
        title = out.resolve().name
        run = Run(
            scratch, {"title": title, "command": command, "started": datetime.now(UTC).isoformat(timespec="seconds")}
        )
        run.facts.update({f"seed {name}": str(seed) for name, seed in seeds.items()})
        run.write(SETTINGS, config.dump(settings))
        with logs.written_to(scratch / LOG):
            logs.LOGGER.info("%s into %s", command, title)
            yield run
            logs.LOGGER.info("done")
        run.facts["seconds"] = f"{time.monotonic() - started:.1f}"
        run.record()


def facts_of(folder: Path) -> dict[str, str]:
    """Names and strings of a run's `provenance.json`; none where there is no such file.

    Raises:
        StorageError: it cannot be read.
    """
    path = folder / PROVENANCE
    if not path.is_file():
        return {}
    try:
        facts = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise StorageError(f"cannot read {path}: {error}; run the command again") from error
    if not isinstance(facts, dict):
        raise StorageError(f"{path} holds no names and strings; run the command again")
    return {str(name): str(value) for name, value in facts.items()}


@functools.cache
def versions() -> dict[str, str]:
    """Version of Python, of the packages that results depend on, and of every external tool."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        with suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    for name in tools.TOOLS:
        try:
            found[name] = tools.version(name)
        except ToolError:
            found[name] = "not installed"
    return found


def _require_ours(out: Path) -> None:
    with store.storage_errors(out):
        strangers = out.is_dir() and any(out.iterdir()) and not (out / PROVENANCE).is_file()
    if strangers or (out.exists() and not out.is_dir()):  # a device would be renamed away
        raise StorageError(f"{out} holds something else than a run; choose another folder with --out")


@contextmanager
def _writable(out: Path) -> Iterator[Path]:
    """A scratch folder that replaces `out` when the block ends well, and goes with all that was made for it if not."""
    made = [folder for folder in (out, *out.parents)[1:] if not folder.exists()]
    scratch = store.scratch_beside(out)
    try:
        with store.storage_errors(out):
            _make(scratch, out)
            yield scratch
            _replace(scratch, out)
    except BaseException as error:
        shutil.rmtree(scratch, ignore_errors=True)
        for folder in made:
            with suppress(OSError):
                folder.rmdir()
        if isinstance(error, StorageError):
            raise StorageError(str(error).replace(str(scratch), str(out))) from error
        if isinstance(error, Exception) and any(words in str(error) for words in _FULL_DISK):
            raise StorageError(f"cannot write {out}: the disk is full; free space or choose another --out") from error
        raise


def _make(scratch: Path, out: Path) -> None:
    try:
        scratch.mkdir(parents=True)
    except FileNotFoundError as error:  # a file system such as /proc, where nobody makes folders
        raise StorageError(f"cannot make a folder at {out}; choose another one with --out") from error


def _replace(scratch: Path, out: Path) -> None:
    if not out.exists():
        scratch.rename(out)
        return
    old = store.scratch_beside(out)
    out.rename(old)
    scratch.rename(out)
    shutil.rmtree(old, ignore_errors=True)
