"""What a kept value is worth: what selection under a delay bound maximises the sum of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wattloop.errors import ConfigError

Float = npt.NDArray[np.float64]

# Of all that weights, or codes, are worth by use: what each has for merely being there, so that none is worth nothing.
_PRESENCE = 1e-3


@dataclass(frozen=True, eq=False)
class Gains:
    """The worth of every weight and every activation code; any numbers above 0.

    Attributes:
        weights: by weight, shape (weights,), index weight - least weight.
        codes: by activation code, shape (codes,), index code - least code.

    Raises:
        ConfigError: a gain that is 0, negative or no number.
    """

    weights: Float
    codes: Float

    def __post_init__(self) -> None:
        for name in ("weights", "codes"):
            found = getattr(self, name)
            if found.ndim != 1 or not (np.isfinite(found).all() and (found > 0).all()):
                raise ConfigError(f"gains of {name}: give one number above 0 for each value")


def by_count(weights: int = 256, codes: int = 256, *, weight_share: float = 0.5) -> Gains:
    """Every weight is worth the same, and so is every code.

    Args:
        weights: how many there are.
        codes: how many there are.
        weight_share: what all weights together are worth; all codes together are worth the rest of 1.

    Raises:
        ConfigError: a share outside 0 to 1.
    """
    return by_use(np.ones(weights), np.ones(codes), weight_share=weight_share)


def by_use(weight_counts: npt.ArrayLike, code_counts: npt.ArrayLike, *, weight_share: float = 0.5) -> Gains:
    """A value is worth its share of the uses: how often weights have it, how often the array reads it.

    Values that are never used are worth a thousandth of what all are worth together, divided among all of them.

    Args:
        weight_counts: uses of each weight, shape (weights,), 0 or more.
        code_counts: the same of each code, shape (codes,).
        weight_share: what all weights together are worth; all codes together are worth the rest of 1.

    Raises:
        ConfigError: a share outside 0 to 1, or counts that are none.

    >>> by_use([1, 1, 2], [0, 9], weight_share=0.4).weights.round(2).tolist()
    [0.1, 0.1, 0.2]
    """
    if not 0 < weight_share < 1:
        raise ConfigError(f"weight_share = {weight_share!r}: give a share above 0 and below 1")
    return Gains(weight_share * _shares(weight_counts), (1 - weight_share) * _shares(code_counts))


def _shares(counts: npt.ArrayLike) -> Float:
    found = np.asarray(counts, np.float64)
    if found.ndim != 1 or not found.size or not (found >= 0).all() or not np.isfinite(found.sum()):
        raise ConfigError("uses of values must be numbers of 0 or more, one for each value")
    shares = found / found.sum() if found.sum() else np.zeros_like(found)
    return np.asarray((shares + _PRESENCE / found.size) / (shares + _PRESENCE / found.size).sum())
