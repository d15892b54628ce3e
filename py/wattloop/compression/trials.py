"""Trials of constraints on one layer, side by side: what the network's logits would be under each."""

from __future__ import annotations

import copy
import multiprocessing
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch

from wattloop.compression.subject import Constraint
from wattloop.nn.constraint import constrain, release
from wattloop.nn.evaluate import logits
from wattloop.nn.network import QuantizedNetwork
from wattloop.parallel import Constant, Workers, cores

Uint8 = npt.NDArray[np.uint8]
Logits = npt.NDArray[np.float32]


def trials(
    network: QuantizedNetwork, layer: str, constraints: Sequence[Constraint], images: Uint8, workers: Workers
) -> Iterator[Logits]:
    """Logits of `images` under each constraint of `layer`, shape (images, classes); `network` is left alone.

    They are exact, so they do not depend on who works.
    """
    bare = copy.deepcopy(network)
    for name in bare.layers:  # parametrised modules do not travel; the constraints of the others become their weights
        release(bare, name, bake=name != layer)
    shared, pictures = Constant(bare), Constant(images)
    units = [(shared, pictures, layer, constraint.values, constraint.mask) for constraint in constraints]
    return workers.map(_trial, units)


def _trial(
    network: QuantizedNetwork,
    images: Uint8,
    layer: str,
    values: tuple[int, ...] | None,
    mask: npt.NDArray[np.bool_] | None,
) -> Logits:
    if multiprocessing.parent_process() is not None:
        torch.set_num_threads(cores())
    own = copy.deepcopy(network)  # others may work with it at the same time
    if values is not None or mask is not None:
        constrain(own, layer, values, mask)
    return logits(own, images)
