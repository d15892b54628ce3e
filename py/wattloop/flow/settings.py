"""The settings of every command: one TOML schema, each section owned by the room that it steers."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from wattloop import config, parallel
from wattloop.activity.backend import backend_names
from wattloop.arith.kinds import KINDS
from wattloop.checks import require, require_seed
from wattloop.compression.config import CompressConfig
from wattloop.flow.explore_settings import ExploreSettings
from wattloop.flow.mapping_settings import MappingSettings
from wattloop.flow.measure_settings import MeasureSettings
from wattloop.flow.network_settings import NetworkSettings
from wattloop.flow.reproduce_settings import ReproduceSettings
from wattloop.flow.supply_settings import SupplySettings
from wattloop.flow.timing_settings import TimingSettings
from wattloop.gates.libraries import LIBRARIES
from wattloop.gates.spec import ArraySpec, MacSpec
from wattloop.nn.config import TrainConfig
from wattloop.own.cell import OwnMac
from wattloop.parallel import Workers
from wattloop.power.effort import Effort
from wattloop.power.sequential import StopRule


@dataclass(frozen=True)
class HardwareSettings:
    """What is simulated.

    Attributes:
        library: name or path of a Liberty library.
        clock_ps: clock period that synthesis aims at and that energy is counted at.
        load: convention of the pin capacitances: "typical" (the pin's `capacitance`) or "signoff" (what a sign-off
            tool takes: the upper ends of the capacitance ranges).
        array: the systolic array and its MAC cell.
        own_mac: a cell from your own files, which does what `array.mac` says, in place of one that is built from that
            (docs/own-mac.md).
    """

    library: str = "nangate15"
    clock_ps: float = 200.0
    load: Literal["typical", "signoff"] = "typical"
    array: ArraySpec = field(default_factory=ArraySpec)
    # In keys it is the netlist, by its digest: where its files lie decides nothing.
    own_mac: OwnMac | None = field(default=None, metadata={"keyed": False})

    def __post_init__(self) -> None:
        require(1 <= self.clock_ps <= 1e6, "clock_ps", self.clock_ps, "1 to 1e6 ps")
        if self.own_mac is not None:
            for name in ("bypass_zero_weight", "bypass_zero_activation", "gate_weight_clock"):
                value = getattr(self.array.mac, name)
                require(not value, f"array.mac.{name}", value, "false with own_mac, whose files say how it is built")

    def with_cell(self, mac: MacSpec) -> HardwareSettings:
        """The same array with another cell, which wattloop builds."""
        return replace(self, array=replace(self.array, mac=mac), own_mac=None)


@dataclass(frozen=True)
class TrainingSettings:
    """How the network is trained before it is compressed.

    Attributes:
        pretrain: training of the float network.
        qat: quantisation-aware training of the int8 network that follows.
        distill: whether the int8 network learns from the float one as well, as far as `qat.distill_weight` says.
    """

    # They suit the default network on the default data set.
    pretrain: TrainConfig = field(default_factory=lambda: TrainConfig(epochs=20, batch_size=32, threads=1))
    qat: TrainConfig = field(
        default_factory=lambda: TrainConfig(epochs=4, batch_size=32, learning_rate=0.01, threads=1)
    )
    distill: bool = False


@dataclass(frozen=True)
class CharacterizeSettings:
    """How the energy of each weight value is measured.

    Attributes:
        simulator: "bitparallel" (the native engine), "bitparallel-timed" (with glitches), "icarus" or "verilator".
        layer: the layer whose statistics `wattloop characterize` samples; None for the second convolution.
        images: training images behind those statistics.
        tiles: tiles of a layer that statistics are collected from; None for all.
        statistics: how transitions are modelled: "global" (one model for all layers), "independent" (50 groups, as the
            paper), "joint" (activation and partial sum as observed together), "rows" (joint, by position in the array),
            "activity" (joint, by classes of row activity).
        pairs: transitions sampled for each weight value, rounded up to a multiple of `batches`.
        batches: independent parts of `pairs`, whose spread is the sampling error.
        precision: pairs are doubled until the relative standard error of every weight's energy is not above this (and
            that of the layer's not above a quarter of it); None samples `pairs` and no more.
        quantile: share of the weights that have to reach it.
        most_pairs: where doubling ends in any case.
        seed: of the sampling.
    """

    simulator: str = "bitparallel"
    layer: str | None = None
    images: int = 8
    tiles: int | None = None
    statistics: str = "activity"
    pairs: int = 4096
    batches: int = 8
    precision: float | None = None
    quantile: float = 1.0
    most_pairs: int = 1 << 19
    seed: int = 0

    def __post_init__(self) -> None:
        known = backend_names()
        require(self.simulator in known, "simulator", self.simulator, ", ".join(known))
        require(self.statistics in KINDS, "statistics", self.statistics, ", ".join(KINDS))
        for name in ("images", "pairs", "most_pairs"):
            require(getattr(self, name) >= 1, name, getattr(self, name), "1 or more")
        require(self.batches >= 2, "batches", self.batches, "2 or more")
        require(self.precision is None or 0 < self.precision < 1, "precision", self.precision, "above 0 and below 1")
        require(0 < self.quantile <= 1, "quantile", self.quantile, "above 0 and up to 1")
        require_seed(self.seed)
        require(self.tiles is None or self.tiles >= 1, "tiles", self.tiles, "1 or more")

    @property
    def effort(self) -> Effort:
        """How much is sampled."""
        return Effort(self.pairs, self.batches, self.precision, self.quantile, self.most_pairs, self.seed)


@dataclass(frozen=True)
class EstimateSettings:
    """What `wattloop estimate` simulates, and compression for its figures before and after.

    Attributes:
        simulator: who simulates for `wattloop estimate`, tables and tiles alike; see `characterize.simulator`.
        images: the first test images, which the estimate speaks of.
        profiled: of these, images whose transitions make the tables.
        tiles: real tiles of each layer that run through the gates, or "all" of them.
        precision: simulate as many tiles of as many of the images as it takes to know the energy of the network with
            this relative precision (0.01 is 1 %), instead of `tiles`; None does not.
        confidence: that the confidence intervals cover what all tiles of all the images would give.
        idle: simulate the cells that tiles leave idle, too.
        seed: of the choice of tiles.
    """

    simulator: str = "bitparallel-timed"
    images: int = 4
    profiled: int = 8
    tiles: int | Literal["all"] = 4
    precision: float | None = None
    confidence: float = 0.95
    idle: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        known = backend_names()
        require(self.simulator in known, "simulator", self.simulator, ", ".join(known))
        for name in ("images", "profiled"):
            require(getattr(self, name) >= 1, name, getattr(self, name), "1 or more")
        require_seed(self.seed)
        require(self.tiles == "all" or self.tiles >= 1, "tiles", self.tiles, '1 or more, or "all"')
        _ = StopRule(
            0.5 if self.precision is None else self.precision, self.confidence
        )  # its own complaints name the field

    @property
    def tiles_of_layer(self) -> int | None:
        """Tiles of each layer, None for all."""
        return None if self.tiles == "all" else self.tiles

    @property
    def rule(self) -> StopRule | None:
        """When a sample is large enough, if it is not of a given size."""
        return None if self.precision is None else StopRule(self.precision, self.confidence)


@dataclass(frozen=True)
class ParallelSettings:
    """Where work that can be divided is done; results do not depend on it.

    Attributes:
        workers: "serial" (one process, whose native engine uses all cores), "threads", "processes" or "dask".
        count: threads or processes; 0 for one a core.
        dask: address of a Dask scheduler, such as "tcp://127.0.0.1:8786".
    """

    workers: Literal["serial", "threads", "processes", "dask"] = "serial"
    count: int = 0
    dask: str | None = None

    def __post_init__(self) -> None:
        require(self.count >= 0, "count", self.count, "0 or more")
        require(self.workers != "dask" or self.dask is not None, "dask", self.dask, "tcp://HOST:PORT")

    def start(self) -> AbstractContextManager[Workers]:
        """The workers, for as long as the context lasts.

        Raises:
            ConfigError: Dask is not installed.
            WorkerError: no scheduler answers.
        """
        return parallel.workers(self.workers, self.count, self.dask)


@dataclass(frozen=True)
class Settings:
    """All settings of a run.

    Attributes:
        hardware: what is simulated.
        network: what is computed.
        training: how it is trained.
        characterize: how the energy of each weight value is measured.
        estimate: which real tiles are simulated.
        explore: which cells are compared, and on what.
        reproduce: how the paper's tables and figures are made.
        mapping: how layers are laid onto the array, and what that is measured on.
        compress: how the network is compressed.
        measure: what the energies in tables of results are measured on.
        timing: how settling times are found.
        supply: how far the supply falls where a delay bound leaves slack.
        parallel: where the work is done.
    """

    hardware: HardwareSettings = field(default_factory=HardwareSettings)
    network: NetworkSettings = field(default_factory=NetworkSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    characterize: CharacterizeSettings = field(default_factory=CharacterizeSettings)
    estimate: EstimateSettings = field(default_factory=EstimateSettings)
    explore: ExploreSettings = field(default_factory=ExploreSettings)
    reproduce: ReproduceSettings = field(default_factory=ReproduceSettings)
    mapping: MappingSettings = field(default_factory=MappingSettings)
    compress: CompressConfig = field(default_factory=CompressConfig)
    measure: MeasureSettings = field(default_factory=MeasureSettings)
    timing: TimingSettings = field(default_factory=TimingSettings)
    supply: SupplySettings = field(default_factory=SupplySettings)
    parallel: ParallelSettings = field(default_factory=ParallelSettings)

    @property
    def seeds(self) -> dict[str, int]:
        """Every seed, by what it is for."""
        return {
            "network": self.network.seed,
            "pretrain": self.training.pretrain.seed,
            "qat": self.training.qat.seed,
            "characterize": self.characterize.seed,
            "estimate": self.estimate.seed,
            "explore": self.explore.seed,
            "reproduce": self.reproduce.seed,
            "mapping": self.mapping.seed,
            "compress": self.compress.seed,
            "measure": self.measure.seed,
            "timing": self.timing.seed,
        }


def load(path: Path | None = None, overrides: Mapping[str, str] | None = None) -> Settings:
    """Settings from a TOML file and overrides by dotted key; what neither names is at its default.

    Files of `hardware.own_mac` and of a network or a data set of the user's own are looked for from the folder of the
    TOML file on; those that an override names, from the current folder. A Liberty file, weights or a checkpoint that
    the TOML names may lie at either place, beside it first.

    Raises:
        ConfigError: the file or a key or value in it is wrong; the message names file, line and key.
    """
    settings = config.read(Settings, path, overrides)
    folder = Path() if path is None else path.parent
    named = overrides or {}
    here = {key for key in ("model", "dataset") if f"network.{key}" in named}
    network = settings.network.located(Path(), *here).located(folder, *{"model", "dataset"} - here)
    if network.checkpoint is not None and "network.checkpoint" not in named:
        network = replace(network, checkpoint=_beside(folder, network.checkpoint))
    if network.initial_weights is not None and "network.initial_weights" not in named:
        network = replace(network, initial_weights=_beside(folder, network.initial_weights))
    hardware = settings.hardware
    if hardware.own_mac is not None and path is not None:
        hardware = replace(hardware, own_mac=hardware.own_mac.located(folder))
    if "hardware.library" not in named and hardware.library not in LIBRARIES:
        hardware = replace(hardware, library=_beside(folder, hardware.library))
    return replace(settings, hardware=hardware, network=network)


def _beside(folder: Path, file: str) -> str:
    """A file below a folder where it is there, else as it was named."""
    found = folder / file
    return str(found) if found.is_file() else file


def seeded(seed: int | None) -> dict[str, str]:
    """Overrides that set every seed."""
    sampled = ("characterize", "estimate", "explore", "mapping", "reproduce")
    sections = ("network", "training.pretrain", "training.qat", *sampled, "compress", "measure", "timing")
    return {} if seed is None else {f"{section}.seed": str(seed) for section in sections}
