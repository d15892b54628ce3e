"""How a network comes into the folder of checkpoints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tomli_w

from wattloop.compression.row_files import from_json
from wattloop.compression.rows import Row
from wattloop.errors import ConfigError, ModelError
from wattloop.flow.models import INDEX, MAPPING, ModelEntry, Models
from wattloop.flow.progress import SILENT, Progress
from wattloop.store import write_atomic

if TYPE_CHECKING:
    from wattloop.nn.network import QuantizedNetwork

_HEAD = "# The committed checkpoints; `wattloop models add` writes this file. See README.md beside it.\n\n"
_ROWS = "rows.json"


@dataclass(frozen=True)
class Wanted:
    """A network that is to be added; see `ModelEntry`.

    Attributes:
        checkpoint: the file to add. One of a run's points (`compression/points/003.safetensors`) has a row in the run,
            which tells what is not given here.
        file: its place below the folder.
        command: what made it.
        dataset: what it was trained on.
        int8: file of the int8 network that it is held against; "" for an int8 network.
        method, mac: "" for what the run's row says, or "int8" and "array".
        setting, seed: None likewise.
        exhibits: tables and figures.
    """

    checkpoint: Path
    file: str
    command: str
    dataset: str = "cifar10"
    int8: str = ""
    method: str = ""
    setting: str | None = None
    mac: str = ""
    seed: int | None = None
    exhibits: tuple[str, ...] = ()


def add(folder: Path, wanted: Wanted, data_root: Path | None = None, *, progress: Progress = SILENT) -> ModelEntry:
    """Score a network, keep it compactly below the folder, and list it in the index, in place of an entry of its file.

    Args:
        folder: of checkpoints; made if it is not there.
        wanted: what to add.
        data_root: of the data set.
        progress: told of every step.

    Raises:
        ConfigError: what is wanted contradicts itself, or names an exhibit or an int8 network that there is not.
        ModelError: a network of one's own, which has no name.
        DatasetError, StorageError: the data set or the network is missing or damaged.
    """
    from wattloop.nn.architecture import Architecture
    from wattloop.nn.checkpoint import load, save

    known = Models.open(folder).entries if (folder / INDEX).is_file() else ()
    _check(folder, wanted, known)
    network = load(wanted.checkpoint)
    if not isinstance(network.architecture, Architecture):
        raise ModelError(f"{wanted.checkpoint} is a network of your own: only wattloop's networks can be built again")
    scores = _scores(network, wanted.dataset, data_root, progress)
    entry = _entry(wanted, _row_of(wanted.checkpoint), network.architecture.name, scores)
    save(network, folder / entry.file, metadata={"made by": entry.command}, compact=True)
    mapping, copied = (path.with_suffix(MAPPING) for path in (wanted.checkpoint, folder / entry.file))
    if mapping.is_file():
        write_atomic(copied, mapping.read_bytes())
    else:
        # That of a network which had this place before would lay out weights that it was not chosen for.
        copied.unlink(missing_ok=True)
    write_index(folder, [*(other for other in known if other.file != entry.file), entry])
    return entry


def _check(folder: Path, wanted: Wanted, known: Sequence[ModelEntry]) -> None:
    """Refuse what would leave an index that cannot be read, before a network is scored."""
    from wattloop.flow.reproduce.exhibits import recipe

    for exhibit in wanted.exhibits:
        recipe(exhibit)
    references = [entry.file for entry in known if entry.role == "int8"]
    if wanted.int8 and wanted.int8 not in references:
        raise ConfigError(
            f"--int8 {wanted.int8}: {folder / INDEX} lists no such int8 network; add it first"
            f" (listed: {', '.join(references) or 'none'})"
        )


def _scores(network: QuantizedNetwork, dataset: str, data_root: Path | None, progress: Progress) -> tuple[float, float]:
    """Accuracy on test and on validation images."""
    from wattloop.nn.datasets import load
    from wattloop.nn.evaluate import evaluate

    with progress.step(f"reading the data set {dataset}"):
        data = load(dataset, data_root)
    with progress.step("scoring"):
        test, validation = (evaluate(network, part.images, part.labels) for part in (data.test, data.validation))
    return test.accuracy, validation.accuracy


def write_index(folder: Path, entries: list[ModelEntry]) -> None:
    """Write the index of a folder: int8 networks first, as they must be known to others."""
    order = sorted(entries, key=lambda entry: (entry.network, entry.role != "int8"))
    text = _HEAD + tomli_w.dumps({"models": [asdict(entry) for entry in order]}, multiline_strings=False)
    write_atomic(folder / INDEX, text)


def _row_of(checkpoint: Path) -> Row | None:
    """The row of a run's point, where the file is one."""
    rows = checkpoint.parent.parent / _ROWS
    if checkpoint.parent.name != "points" or not checkpoint.stem.isdigit() or not rows.is_file():
        return None
    found = from_json(rows.read_text())
    return found[int(checkpoint.stem)] if int(checkpoint.stem) < len(found) else None


def _entry(wanted: Wanted, row: Row | None, network: str, scores: tuple[float, float]) -> ModelEntry:
    method = wanted.method or (row.method if row else "int8")
    if bool(wanted.int8) == (method == "int8"):
        raise ConfigError(f"--method {method} and --int8 {wanted.int8!r}: a compressed network names its int8 network")
    told = wanted.setting if wanted.setting is not None else (row.setting if row else "")
    return ModelEntry(
        file=wanted.file,
        network=network,
        dataset=wanted.dataset,
        method=method,
        setting=told,
        mac=wanted.mac or (row.mac if row else "array"),
        seed=wanted.seed if wanted.seed is not None else (row.seed if row else 0),
        epochs=row.epochs if row else 0,
        delay_bound_ps=(row.delay_bound_ps or 0.0) if row else 0.0,
        role="compressed" if wanted.int8 else "int8",
        int8=wanted.int8,
        exhibits=wanted.exhibits,
        accuracy=scores[0],
        validation=scores[1],
        command=wanted.command,
    )
