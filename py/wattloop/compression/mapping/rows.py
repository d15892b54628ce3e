"""Reduction rows in the order of what they do to the partial sums."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from wattloop.arith.im2col import im2col
from wattloop.arith.layer import LayerTrace

Float = npt.NDArray[np.float64]


def row_activity(trace: LayerTrace) -> Float:
    """By how much each reduction row moves the partial sums from one output pixel to the next, shape (reduction,).

    The mean magnitude of its activation's change, times the mean magnitude of its weights; groups are averaged.

    Args:
        trace: the layer with the weights at hand.
    """
    geometry = trace.layer.geometry
    weight = np.abs(trace.layer.weight.astype(np.float64)).reshape(geometry.groups, -1, geometry.reduction)
    changes = np.zeros((geometry.groups, geometry.reduction))
    for image in trace.inputs:
        columns = im2col(image[None], geometry)[0].astype(np.float64)
        changes += np.abs(np.diff(columns, axis=2)).sum(axis=2)
    return np.asarray((changes * weight.mean(axis=1)).mean(axis=0) / trace.images)


def quietest_first(trace: LayerTrace) -> tuple[int, ...]:
    """The reduction rows in ascending order of `row_activity`, ties in their old order.

    What a row does to the sums, all rows below it in its block pass on: the sums stay still the longer the later the
    active rows come, and the quietest rows share blocks in which hardly anything moves.
    """
    return tuple(np.argsort(row_activity(trace), kind="stable").tolist())
