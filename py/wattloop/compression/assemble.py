"""From a subject to a result: the schedule, the simulated tiles, the test set once."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version

import numpy as np

from wattloop.compression.config import CompressConfig
from wattloop.compression.journal import OnEvent
from wattloop.compression.layerwise.outcome import Decision, Outcome, Resume
from wattloop.compression.layerwise.schedule import Schedule
from wattloop.compression.remap import Int8, histogram
from wattloop.compression.result import CompressionResult, LayerResult
from wattloop.compression.subject import Quality, Subject
from wattloop.errors import ModelError
from wattloop.power.oracle import LayerEnergy, Profiler

_PACKAGES = ("wattloop", "torch", "numpy")


def compress_subject(
    subject: Subject,
    profiler: Profiler,
    config: CompressConfig,
    *,
    tiles: Profiler | None = None,
    on_event: OnEvent = lambda event: None,
    resume: Resume | None = None,
) -> CompressionResult:
    """Compress any `Subject`; see `wattloop.compression.run.compress`. The result holds no network."""
    scope = [name for name, kind in subject.kinds.items() if config.scope == "all" or kind == "conv"]
    if not scope:
        raise ModelError(f"nothing to compress: the network has no layer of compress.scope = {config.scope!r}")
    weights_before = {layer: subject.weight(layer) for layer in scope}
    untouched = subject.snapshot()
    schedule = Schedule(subject, profiler, config, on_event, resume)
    outcome = schedule.run()
    compressed = subject.snapshot()
    # What no decision may rest on is looked at only now: test accuracy and test images, first of the int8 network.
    subject.restore(untouched)
    test_before, tiles_before = subject.test(), _by_tiles(subject, tiles, scope, config)
    subject.restore(compressed)
    test_after, tiles_after = subject.test(), _by_tiles(subject, tiles, scope, config)
    layers = _layers(subject, outcome, weights_before, tiles_before, tiles_after)
    return _result(config, outcome, layers, schedule, test_before, test_after)


def _by_tiles(
    subject: Subject, tiles: Profiler | None, scope: Sequence[str], config: CompressConfig
) -> Mapping[str, LayerEnergy]:
    if tiles is None:
        return {}
    oracle = tiles(subject.trace(config.tile_images, scope, "test"))
    return {layer: oracle.energy(layer, subject.weight(layer)) for layer in scope}


def _layers(
    subject: Subject,
    outcome: Outcome,
    weights_before: Mapping[str, Int8],
    tiles_before: Mapping[str, LayerEnergy],
    tiles_after: Mapping[str, LayerEnergy],
) -> tuple[LayerResult, ...]:
    decisions = {decision.layer: decision for decision in outcome.decisions}
    found = []
    for layer, share in outcome.shares.items():
        decision = decisions.get(layer, Decision(layer, None, None))
        weights = subject.weight(layer)
        found.append(
            LayerResult(
                layer=layer,
                kind=subject.kinds[layer],
                share=share,
                ratio=decision.ratio,
                set_size=decision.size,
                values=None if decision.size is None else subject.allowed(layer),
                sparsity=float(np.mean(weights == 0)),
                table_before=outcome.before[layer],
                table_after=outcome.after[layer],
                tiles_before=tiles_before.get(layer),
                tiles_after=tiles_after.get(layer),
                histogram_before=_counts(weights_before[layer]),
                histogram_after=_counts(weights),
                curve_before=outcome.value_energy_before[layer],
                curve_after=outcome.value_energy_after[layer],
            )
        )
    return tuple(found)


def _counts(weights: Int8) -> tuple[int, ...]:
    return tuple(int(count) for count in histogram(weights))


def _result(
    config: CompressConfig,
    outcome: Outcome,
    layers: tuple[LayerResult, ...],
    schedule: Schedule,
    test_before: Quality,
    test_after: Quality,
) -> CompressionResult:
    return CompressionResult(
        config=config,
        layers=layers,
        validation_before=outcome.baseline,
        validation_after=outcome.final,
        test_before=test_before,
        test_after=test_after,
        bound=outcome.baseline.accuracy - config.delta / 100.0,
        versions={"python": platform.python_version()} | {name: version(name) for name in _PACKAGES},
        journal=tuple(schedule.journal),
    )
