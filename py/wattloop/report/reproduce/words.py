"""Numbers as the exhibits' sentences say them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import polars as pl


def points(fraction: float) -> str:
    """A difference of two fractions, in points of a hundred.

    >>> points(-0.0123), points(0.0)
    ('-1.2 points', '+0.0 points')
    """
    return f"{100 * fraction:+.1f} points"


def share(fraction: float) -> str:
    """A fraction in per cent, as the paper prints it.

    >>> share(0.586)
    '58.6 %'
    """
    return f"{100 * fraction:.1f} %"


def listed(names: Iterable[object]) -> str:
    """Names in a sentence.

    >>> listed(["a"]), listed(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    *first, last = map(str, names)
    return f"{', '.join(first)} and {last}" if first else last


def ranks_agree(one: Mapping[int, float] | pl.Series, other: Mapping[int, float] | pl.Series) -> float:
    """Spearman's rank correlation, equal values sharing their rank.

    Args:
        one, other: values by key, compared over the keys that both have; or two series of one length.

    >>> ranks_agree({1: 0.5, 2: 0.7, 3: 0.9}, {1: 10.0, 2: 12.0, 4: 0.0})
    1.0
    """
    if isinstance(one, pl.Series) or isinstance(other, pl.Series):
        frame = pl.DataFrame({"one": one, "other": other})
    else:
        keys = sorted(one.keys() & other.keys())
        frame = pl.DataFrame({"one": [one[k] for k in keys], "other": [other[k] for k in keys]})
    return float(frame.select(pl.corr("one", "other", method="spearman")).item())
