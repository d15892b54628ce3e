"""Settings of the compression loop (paper section 4), checked when they are made; imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from wattloop.checks import within
from wattloop.compression.baselines.config import BaselinesConfig
from wattloop.compression.powerpruning.config import TimingConfig
from wattloop.compression.rate_distortion.config import RateDistortionConfig

Scoring = Literal["fisher", "accuracy"]
DeltaSplit = Literal["global", "by_energy"]
Scope = Literal["conv", "all"]
Schedule = Literal["cosine", "constant"]

_require = within("compress.")


@dataclass(frozen=True)
class CompressConfig:
    """What the loop tries, what it may lose, and how long it may train.

    Attributes:
        ratios: pruning ratios to try on each layer (0 prunes nothing).
        set_sizes: sizes K of the allowed set to try on each layer, 0 included.
        k_init: size of the safe set that elimination starts from (paper section 4.2.1).
        k_growth: values added whenever the safe set does not hold the accuracy.
        k_limit: largest safe set; a pruning ratio that needs more is given up.
        delta: accuracy that the compressed network may lose against the int8 one on validation, points.
        delta_split: "global" grants the whole of `delta` to every layer in turn (the paper); "by_energy" grants
            each layer the share of `delta` that its energy and that of the layers before it have in the whole.
        tolerance: accuracy that the safe set may lose against the pruned network, points.
        epsilon: the constant in S(w) = dE / (dAcc + epsilon), points.
        energy_weight: exponent of energy in the joint score of the safe set, 0 (usage alone) to 1 (energy alone).
        scoring: how a removal's accuracy cost is found: "fisher" ranks by diagonal Fisher information and measures
            the best few, "accuracy" measures every one (the paper).
        rescored: removals that "fisher" measures in each step.
        scoring_images: validation images that removals are measured on.
        fisher_images: training images behind the diagonal Fisher information.
        prune_epochs: fine-tuning after pruning, epochs.
        set_epochs: fine-tuning of each safe set that does not hold at once, epochs.
        recoveries: fine-tunings that one elimination may spend on removals that miss the bound.
        tune_epochs: fine-tuning of the finished configuration, epochs.
        learning_rate: of all fine-tuning, at its start.
        schedule: of the learning rate in each fine-tuning: "cosine" to 0, or "constant".
        distill_weight: share of the loss of all fine-tuning that distillation has, 0 (none) to 1. The teacher is the
            float network where it is known, else the int8 network as it was before compression.
        distill_temperature: of the distillation.
        batch_size: of all fine-tuning.
        bfloat16: convolve in bfloat16 while fine-tuning.
        threads: CPU threads of torch while fine-tuning and in sensitivities; None for its default. The course of a run
            depends on it.
        scope: "conv" compresses the convolutions, "all" the linear layers as well.
        max_layers: layers to compress, in order of energy; 0 means all.
        max_configurations: configurations to try on each layer; 0 means all.
        profile_images: training images that the energy tables are profiled on.
        tile_images: training images whose tiles are simulated at every layer that is accepted.
        methods: names of the methods, in the order in which they have their turn.
        mapped: also offer every network laid onto the array as it costs least on training images; it computes the
            same.
        max_hours: hours after which the run ends with what it has, over all its processes; 0 for no end.
        seed: of everything random here.
        rate_distortion: settings of the rate-distortion method alone.
        baselines: what the rivals try.
        timing: the delay bound that the layers in scope keep to, and what is kept first.
    """

    ratios: tuple[float, ...] = (0.3, 0.5, 0.7)
    set_sizes: tuple[int, ...] = (32, 24, 16)
    k_init: int = 32
    k_growth: int = 16
    k_limit: int = 96
    delta: float = 1.0
    delta_split: DeltaSplit = "global"
    tolerance: float = 0.5
    epsilon: float = 0.1
    energy_weight: float = 0.5
    scoring: Scoring = "fisher"
    rescored: int = 3
    scoring_images: int = 2000
    fisher_images: int = 512
    prune_epochs: int = 1
    set_epochs: int = 1
    recoveries: int = 2
    tune_epochs: int = 1
    learning_rate: float = 0.01
    schedule: Schedule = "cosine"
    distill_weight: float = 0.0
    distill_temperature: float = 4.0
    batch_size: int = 128
    bfloat16: bool = False
    threads: int | None = None
    scope: Scope = "conv"
    max_layers: int = 0
    max_configurations: int = 0
    profile_images: int = 8
    tile_images: int = 8
    methods: tuple[str, ...] = ("layerwise",)
    mapped: bool = False
    max_hours: float = 0.0
    seed: int = 0
    rate_distortion: RateDistortionConfig = field(default_factory=RateDistortionConfig)
    baselines: BaselinesConfig = field(default_factory=BaselinesConfig)
    timing: TimingConfig = field(default_factory=TimingConfig)

    def __post_init__(self) -> None:
        _require(len(self.ratios) > 0, "ratios", self.ratios, "at least one pruning ratio")
        for ratio in self.ratios:
            _require(0 <= ratio < 1, "ratios", ratio, "0 <= ratio < 1")
        _require(len(self.set_sizes) > 0, "set_sizes", self.set_sizes, "at least one set size")
        for size in self.set_sizes:
            _require(2 <= size <= 256, "set_sizes", size, "2 to 256 values, 0 included")
        _require(max(self.set_sizes) <= self.k_limit <= 256, "k_limit", self.k_limit, "largest set size to 256")
        _require(2 <= self.k_init <= self.k_limit, "k_init", self.k_init, "2 to k_limit")
        self._require_points()
        self._require_counts()
        self._require_choices()
        self._require_candidates()

    def _require_points(self) -> None:
        _require(0 <= self.delta <= 100, "delta", self.delta, "0 to 100 accuracy points")
        _require(0 <= self.tolerance <= 100, "tolerance", self.tolerance, "0 to 100 accuracy points")
        _require(0 < self.epsilon <= 100, "epsilon", self.epsilon, "more than 0, at most 100 accuracy points")
        _require(0 <= self.energy_weight <= 1, "energy_weight", self.energy_weight, "0 to 1")
        _require(0 < self.learning_rate < 10, "learning_rate", self.learning_rate, "more than 0, less than 10")
        _require(0 <= self.distill_weight <= 1, "distill_weight", self.distill_weight, "0 to 1")
        _require(self.distill_temperature > 0, "distill_temperature", self.distill_temperature, "above 0")

    def _require_counts(self) -> None:
        at_least_one = ("k_growth", "rescored", "scoring_images", "fisher_images", "batch_size", "profile_images")
        for name in (*at_least_one, "tile_images"):
            _require(getattr(self, name) >= 1, name, getattr(self, name), "1 or more")
        _require(self.threads is None or self.threads >= 1, "threads", self.threads, "1 or more")
        epochs = ("prune_epochs", "set_epochs", "recoveries", "tune_epochs")
        for name in (*epochs, "max_layers", "max_configurations"):
            _require(getattr(self, name) >= 0, name, getattr(self, name), "0 or more")
        _require(self.max_hours >= 0, "max_hours", self.max_hours, "0 or more")
        _require(0 <= self.seed < 1 << 32, "seed", self.seed, f"0 to {(1 << 32) - 1}")

    def _require_candidates(self) -> None:
        """The cheapest values of one threshold may have one sign: they are no candidates where both must be left."""
        floor, thresholds = self.timing.least_each_sign, self.baselines.power_thresholds
        nothing = "powerpruning" in self.methods and "by sign" not in thresholds
        _require(
            not (self.timing.bound_ps and floor and nothing),
            "baselines.power_thresholds",
            thresholds,
            f'"by sign" among them while compress.timing.least_each_sign = {floor}, or powerpruning has nothing to try',
        )

    def _require_choices(self) -> None:
        choices_of = {"scoring": Scoring, "delta_split": DeltaSplit, "scope": Scope, "schedule": Schedule}
        for name, choices in choices_of.items():
            legal = get_args(choices)
            _require(getattr(self, name) in legal, name, getattr(self, name), ", ".join(map(repr, legal)))
