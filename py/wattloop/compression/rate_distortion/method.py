"""Rate-distortion compression as a method: a network for each energy target."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from wattloop.compression.config import CompressConfig
from wattloop.compression.method import Lab, Point
from wattloop.compression.powerpruning.restriction import bounded_setting, selected, within_bound
from wattloop.compression.rate_distortion.events import SearchStarted, TargetReached
from wattloop.compression.rate_distortion.gauge import Gauge
from wattloop.compression.rate_distortion.search import OutOfTimeError, Search
from wattloop.errors import ConfigError, ModelError


@dataclass(frozen=True)
class RateDistortion:
    """Implements `wattloop.compression.method.Method`; settings in `CompressConfig.rate_distortion`."""

    def parts(self, lab: Lab) -> int:
        """Its targets."""
        return len(lab.config.rate_distortion.targets)

    def require_possible(self, lab: Lab) -> None:
        """See `Choosy`; refuses a bound that leaves too little."""
        if lab.config.timing.bound_ps:
            selected(lab)

    def targets(self, config: CompressConfig) -> tuple[float, ...]:
        """Shares of the energy that it will try to save."""
        return config.rate_distortion.targets

    def points(self, lab: Lab) -> Iterator[Point]:
        """A point for each target, in ascending order, as far as the time goes.

        Under a delay bound weights and codes are chosen once filters have their signs, and layers have no others.

        Raises:
            ConfigError: a target is beyond what weights of 0 alone would save, or nothing keeps to the bound.
            ModelError: no layer in scope.
        """
        subject, config = lab.subject, lab.config
        scope = [name for name, kind in subject.kinds.items() if config.scope == "all" or kind == "conv"]
        if not scope:
            raise ModelError(f"nothing to compress: the network has no layer of compress.scope = {config.scope!r}")
        gauge = Gauge.of(subject, lab.tiles, scope, config.rate_distortion.measured_images)
        self._begin(lab, gauge)
        search = Search(lab, gauge)
        if config.rate_distortion.signs:
            search.choose_signs()
        search.work_in(within_bound(lab))
        start = search.place()
        for target in config.rate_distortion.targets:
            if config.rate_distortion.each_from_start:
                search.return_to(start)
            try:
                quality = search.reach(target)
            except OutOfTimeError:
                return
            lab.on_event(TargetReached(target, quality.accuracy, quality.loss, search.saving))
            yield Point(bounded_setting({"target": target}, lab), subject.snapshot(), quality)

    def _begin(self, lab: Lab, gauge: Gauge) -> None:
        """Refuse targets out of reach before anything slow begins."""
        targets, bound, quality = lab.config.rate_distortion.targets, gauge.bound(), lab.subject.score()
        lab.on_event(SearchStarted(quality.accuracy, quality.loss, gauge.reference_fj, bound, targets, lab.config.seed))
        if targets[-1] >= bound:
            raise ConfigError(
                f"compress.rate_distortion.targets: {targets[-1]:.1%} is out of reach; weights of 0 alone would save"
                f" {bound:.1%}"
            )
