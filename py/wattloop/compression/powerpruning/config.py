"""Settings of selection under a delay bound, checked when they are made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from wattloop.checks import within

Solver = Literal["search", "dropping"]
Worth = Literal["use", "count"]
Profile = Literal["multiplier", "sampled", "worst"]

_require = within("compress.timing.")


@dataclass(frozen=True)
class TimingConfig:
    """What must settle when, and what is kept first.

    Attributes:
        bound_ps: transitions that settle later are forbidden, ps; 0 sets no bound, and all else here is without effect.
        profile: settling times: "worst" bounds all partial sums; "sampled" has some of them; "multiplier" is of the
            product, plus the adder's longest path (PowerPruning).
        solver: "search" (greedy and local search) or "dropping" (at random with restarts, as PowerPruning is taken to
            do it).
        worth: what a value is worth: its share of the uses, or the same for each.
        weight_share: what all weights together are worth; all activation codes together are worth the rest of 1.
        least_weights: weights that must be left, 0 included.
        least_each_sign: negative weights, and positive ones, that must be left.
        least_codes: activation codes that must be left, 0 included.
    """

    bound_ps: float = 0.0
    profile: Profile = "worst"
    solver: Solver = "search"
    worth: Worth = "use"
    weight_share: float = 0.5
    least_weights: int = 2
    least_each_sign: int = 0
    least_codes: int = 32

    def __post_init__(self) -> None:
        _require(0 <= self.bound_ps < float("inf"), "bound_ps", self.bound_ps, "0 for no bound, or ps above 0")
        for name, choices in (("profile", Profile), ("solver", Solver), ("worth", Worth)):
            legal = get_args(choices)
            _require(getattr(self, name) in legal, name, getattr(self, name), ", ".join(map(repr, legal)))
        _require(0 < self.weight_share < 1, "weight_share", self.weight_share, "above 0, below 1")
        _require(1 <= self.least_weights <= 256, "least_weights", self.least_weights, "1 to 256")
        _require(0 <= self.least_each_sign <= 128, "least_each_sign", self.least_each_sign, "0 to 128")
        _require(1 <= self.least_codes <= 256, "least_codes", self.least_codes, "1 to 256")
