"""How well a grouping of transitions separates their energies (paper section 3.1.1)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Stability:
    """Quality of a grouping.

    Attributes:
        ratio: variance of the cell means / mean variance within cells, each cell counted once (the paper's measure).
        explained: share of the samples' total variance that the cell means explain, 0 to 1.
        cells: cells with enough samples.
        samples: samples in those cells.
    """

    ratio: float
    explained: float
    cells: int
    samples: int


def stability(
    cells: npt.NDArray[np.integer], energies: npt.NDArray[np.floating], *, min_samples: int = 10
) -> Stability:
    """Stability of the energies of transitions grouped into cells.

    Args:
        cells: (from, to) cell of each transition, shape (n,).
        energies: its energy, shape (n,).
        min_samples: cells with fewer are left out; fewer than two cells give ratio and explained nan.
    """
    _, inverse, sizes = np.unique(cells, return_inverse=True, return_counts=True)
    sums = np.bincount(inverse, energies)
    means = sums / sizes
    squares = np.bincount(inverse, (energies - means[inverse]) ** 2)
    kept = sizes >= max(min_samples, 1)
    count, samples = int(kept.sum()), int(sizes[kept].sum())
    if count < 2:
        return Stability(float("nan"), float("nan"), count, samples)
    grand = sums[kept].sum() / samples
    between = float((sizes[kept] * (means[kept] - grand) ** 2).sum())
    within = float(squares[kept].sum())
    mean_variance = float((squares[kept] / sizes[kept]).mean())
    ratio = float(means[kept].var()) / mean_variance if mean_variance > 0 else float("inf")
    explained = between / (between + within) if between + within > 0 else float("nan")
    return Stability(ratio, explained, count, samples)
