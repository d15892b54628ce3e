"""Settings of `wattloop timing`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from wattloop.activity.bitparallel.engine import Timing
from wattloop.checks import require, require_seed
from wattloop.timing.profile import METHODS, Method


@dataclass(frozen=True)
class TimingSettings:
    """How settling times are found.

    Attributes:
        methods: "multiplier" (of the product, plus the adder's longest path, as PowerPruning), "sampled" (of the whole
            cell with sampled partial sums), "worst" (a bound for all partial sums).
        delay_step_ps: grid of the delays.
        delays: a gate's one number: "mean" of its arcs, as energies with glitches have it, or the "slowest" of them,
            rounded up to the grid.
        load: convention of the pin capacitances; see `hardware.load`. Synthesis judges the clock by "signoff".
        bound_ps: latest allowed settling time; None for the clock period less the set-up time.
        samples: transitions of the partial sum with every transition of the activation ("sampled").
        layer: layer whose partial sums are sampled, as seen on `characterize.images` in
            `characterize.tiles`; None for uniform ones.
        seed: of the sampling.
    """

    methods: tuple[Method, ...] = METHODS
    delay_step_ps: float = 1.0
    delays: Literal["mean", "slowest"] = "mean"
    load: Literal["typical", "signoff"] = "signoff"
    bound_ps: float | None = None
    samples: int = 4
    layer: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        require(bool(self.methods), "methods", self.methods, ", ".join(METHODS))
        require(0 < self.delay_step_ps <= 1e6, "delay_step_ps", self.delay_step_ps, "above 0 and up to 1e6 ps")
        require(self.bound_ps is None or self.bound_ps > 0, "bound_ps", self.bound_ps, "above 0 ps")
        require(1 <= self.samples <= 1000, "samples", self.samples, "1 to 1000")
        require_seed(self.seed)

    @property
    def engine(self) -> Timing:
        """The engine's timing: inertial, as where glitches are counted."""
        return Timing(self.delay_step_ps, use="activity" if self.delays == "mean" else "timing", load=self.load)
