"""The committed checkpoints: which there are, where each came from, and how they are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from wattloop import config
from wattloop.compression.mapping.archive import load_mappings
from wattloop.compression.rows import Labels
from wattloop.errors import ConfigError, ModelError, StorageError
from wattloop.gates.spec import MacSpec
from wattloop.gates.templates import templates
from wattloop.power.oracle import HardwareMapping

if TYPE_CHECKING:
    from wattloop.nn.network import QuantizedNetwork

INDEX = "index.toml"
MAPPING = ".mapping.json"


@dataclass(frozen=True)
class ModelEntry:
    """A checkpoint.

    Attributes:
        file: `network.safetensors` below the folder; beside it `network.mapping.json` if it is laid out otherwise.
        network, dataset: what it computes.
        method: who compressed it; "int8" for a network that others are held against.
        setting: what tells it from the method's other points, such as "target=0.6".
        mac: template of the MAC cell that it is meant for.
        seed: of its training.
        role: "int8" or "compressed".
        int8: file of the int8 network that it is held against; "" for those themselves.
        exhibits: tables and figures that it stands in.
        accuracy: on the test images when it was made, a fraction.
        validation: on the validation images when it was made, a fraction.
        command: what made it.
        epochs: fine-tuning that a compressed network has seen since int8.
        delay_bound_ps: settling time that its values were chosen for, ps; 0 for none.
    """

    file: str
    network: str
    dataset: str
    method: str
    mac: str
    seed: int
    role: Literal["int8", "compressed"]
    accuracy: float
    validation: float
    command: str
    setting: str = ""
    epochs: int = 0
    delay_bound_ps: float = 0.0
    int8: str = ""
    exhibits: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.role == "compressed") == (self.int8 == ""):
            raise ConfigError(f"int8 = {self.int8!r}: a compressed network names its int8 network, others name none")
        if self.mac not in templates():
            raise ConfigError(f"mac = {self.mac!r}: known templates: {', '.join(templates())}")

    @property
    def labels(self) -> Labels:
        """What its row is of."""
        return Labels(self.network, self.dataset, self.method, self.setting, self.mac, self.seed, self.epochs)

    @property
    def cell(self) -> MacSpec:
        """The MAC cell that it is meant for."""
        return templates()[self.mac]


@dataclass(frozen=True)
class _Index:
    models: tuple[ModelEntry, ...] = ()


@dataclass(frozen=True)
class Models:
    """A folder of checkpoints.

    Attributes:
        folder: where they are.
        entries: what its index lists, in that order.
    """

    folder: Path
    entries: tuple[ModelEntry, ...]

    @classmethod
    def open(cls, folder: Path) -> Models:
        """Read the index of a folder.

        Raises:
            StorageError: there is none, a file that it names is missing, or an int8 network that another one names.
            ConfigError: a key or value in it is wrong; the message names file, line and key.
        """
        index = folder / INDEX
        if not index.is_file():
            raise StorageError(
                f"{folder} holds no {INDEX}: run in a checkout of wattloop, or name the folder with --models"
            )
        entries = config.read(_Index, index).models
        references = {entry.file for entry in entries if entry.role == "int8"}
        for entry in entries:
            if not (folder / entry.file).is_file():
                raise StorageError(f"{folder / entry.file} is missing, which {index} lists")
            if entry.int8 and entry.int8 not in references:
                raise StorageError(f"{index}: {entry.file} is held against {entry.int8}, no int8 network that it lists")
        return cls(folder, entries)

    def of(self, exhibit: str) -> tuple[ModelEntry, ...]:
        """The compressed networks of an exhibit, in the order of the index.

        Raises:
            ModelError: there are none.
        """
        found = tuple(entry for entry in self.entries if entry.role == "compressed" and exhibit in entry.exhibits)
        if not found:
            raise ModelError(f"{self.folder / INDEX} lists no networks of {exhibit}: leave --from-models out")
        return found

    def int8_of(self, entry: ModelEntry) -> ModelEntry:
        """What a compressed network is held against; an int8 network itself."""
        return next(other for other in self.entries if other.file == (entry.int8 or entry.file))

    def on_array(self, entry: ModelEntry) -> ModelEntry | None:
        """The int8 network of the same kind that is meant for the default MAC, the same seed before others."""
        found = [
            other
            for other in self.entries
            if (other.role, other.network, other.dataset, other.mac) == ("int8", entry.network, entry.dataset, "array")
        ]
        return min(found, key=lambda other: other.seed != entry.seed, default=None)

    def baseline(self, network: str, dataset: str) -> ModelEntry:
        """The first int8 network of a kind, one that is meant for the default MAC before others.

        Raises:
            ModelError: there is none.
        """
        kind = ("int8", network, dataset)
        found = [entry for entry in self.entries if (entry.role, entry.network, entry.dataset) == kind]
        if found:
            return min(found, key=lambda entry: entry.mac != "array")
        raise ModelError(f"{self.folder / INDEX} lists no int8 {network} on {dataset}: leave --from-models out")

    def load(self, entry: ModelEntry) -> QuantizedNetwork:
        """The network of a checkpoint.

        Raises:
            StorageError: damaged.
        """
        from wattloop.nn.checkpoint import load

        return load(self.folder / entry.file)

    def mappings(self, entry: ModelEntry) -> Mapping[str, HardwareMapping]:
        """How its layers are laid onto the array, where not as they are.

        Raises:
            StorageError: damaged.
        """
        path = (self.folder / entry.file).with_suffix(MAPPING)
        return load_mappings(path) if path.is_file() else {}
