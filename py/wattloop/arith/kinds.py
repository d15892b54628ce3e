"""The statistical models to choose from, by name: whose transitions they hold, and what they condition on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from pathlib import Path

from wattloop.arith.archive import field_names
from wattloop.arith.joint import JointStatistics, collect_joint
from wattloop.arith.layer import LayerTrace
from wattloop.arith.row_classes import Classify, by_activity, by_position, one_class
from wattloop.arith.statistics import LayerStatistics, collect, collect_pooled
from wattloop.errors import StorageError
from wattloop.gates.spec import ArraySpec

Scope = tuple[LayerTrace, ...]
# What there is of `TransitionModel`s; both are saved and loaded.
SavedModel = LayerStatistics | JointStatistics


@dataclass(frozen=True)
class Sampling:
    """Which tiles a model is made from.

    Attributes:
        tiles: of each layer, None for all.
        seed: of their choice, and of the members that are kept.
        progress: called with (done, total) tiles.
    """

    tiles: int | None = None
    seed: int = 0
    progress: Callable[[int, int], None] | None = field(default=None, compare=False)


@dataclass(frozen=True)
class StatisticsKind:
    """How the transitions of a network's layers are modelled.

    Attributes:
        name: in settings and results.
        meaning: in a few words.
        scopes: which layers share a model.
        collect: the model of the layers of one scope.
    """

    name: str
    meaning: str
    scopes: Callable[[Sequence[LayerTrace]], list[Scope]]
    collect: Callable[[Scope, ArraySpec, Sampling], SavedModel]


def _each(traces: Sequence[LayerTrace]) -> list[Scope]:
    return [(trace,) for trace in traces]


def _together(traces: Sequence[LayerTrace]) -> list[Scope]:
    return [tuple(traces)] if traces else []


def _pooled(scope: Scope, spec: ArraySpec, sampling: Sampling) -> SavedModel:
    return collect_pooled(scope, spec, tiles=sampling.tiles, seed=sampling.seed, progress=sampling.progress)


def _independent(scope: Scope, spec: ArraySpec, sampling: Sampling) -> SavedModel:
    (trace,) = scope
    return collect(trace, spec, tiles=sampling.tiles, seed=sampling.seed, progress=sampling.progress)


def _joint(classify: Classify, scope: Scope, spec: ArraySpec, sampling: Sampling) -> SavedModel:
    (trace,) = scope
    return collect_joint(
        trace, spec, classify(trace, spec), tiles=sampling.tiles, seed=sampling.seed, progress=sampling.progress
    )


KINDS = {
    kind.name: kind
    for kind in (
        StatisticsKind("global", "50 groups, one model for all layers", _together, _pooled),
        StatisticsKind("independent", "50 groups, layer by layer, as the paper", _each, _independent),
        StatisticsKind("joint", "observed pairs of activation and partial sum", _each, partial(_joint, one_class)),
        StatisticsKind("rows", "joint, by eighths of the array's rows", _each, partial(_joint, by_position)),
        StatisticsKind("activity", "joint, by eight classes of row activity", _each, partial(_joint, by_activity)),
    )
}


def load_statistics(path: Path) -> SavedModel:
    """Read what any of the models saved.

    Raises:
        StorageError: missing, damaged, or something else.
    """
    names = field_names(path)
    for kind in (LayerStatistics, JointStatistics):
        if names == {entry.name for entry in fields(kind)}:
            return kind.load(path)
    raise StorageError(f"cannot read statistics {path}: it holds something else; collect them again")
