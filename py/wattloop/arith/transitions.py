"""What a layer's MACs see, as a statistical model: what characterisation samples from (paper section 3.1).

A model answers for classes of reduction rows. All MACs on rows of a class share one distribution of transitions,
whatever their weight; a model with a single class is the paper's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]
Pairs = tuple[Int64, Int64, Int64, Int64]


class TransitionModel(Protocol):
    """A distribution of the transitions (activation, incoming partial sum) of a layer's MACs."""

    @property
    def layer(self) -> str:
        """Layer or layers that it describes."""

    @property
    def kind(self) -> str:
        """How it models them, in a word or two, for the record."""

    @property
    def key(self) -> str:
        """Content key: equal models have equal keys."""

    @property
    def class_of_row(self) -> Int64:
        """Class of each reduction row, shape (convolution groups, reduction), or (1, 1) where all are of one class."""

    @property
    def shares(self) -> Float:
        """Share of the layer's transitions in each class, shape (classes,); adds up to 1."""

    def sample(self, count: int, rng: np.random.Generator, row_class: int = 0) -> Pairs:
        """Independent pairs (a_from, a_to, p_from, p_to) on the rows of a class, each of shape (count,)."""

    def sample_rows(self, count: int, rngs: Sequence[np.random.Generator], row_class: int = 0) -> Pairs:
        """What `sample` gives for each of several generators, each of shape (generators, count)."""
