"""Tables against exact simulation, layer by layer and model by model: how far apart they are, and who ranks right."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from wattloop.errors import StorageError
from wattloop.power.oracle import LayerEnergy
from wattloop.store import write_atomic

Float = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LayerVerdict:
    """One layer by one statistical model; energies in fJ per image, dynamic, on the active cells, all phases.

    Attributes:
        stage: which network ("int8", "compressed").
        layer: its name.
        kind: "conv" or "linear".
        statistics: the model.
        accounting: "functional" or "datapath" (glitches included).
        exact_fj: by all tiles of the images.
        table_fj: by the table.
        sampling_error: relative standard error of `table_fj` that comes of sampling transitions.
        error: table / exact - 1.
        rank: Spearman correlation of the table's E_l(w) with the exact one (`power.marginal`), over all weight values.
        value_error: mean over the weight values of |table / exact - 1| of E_l(w).
        pairs: most transitions sampled of a weight.
    """

    stage: str
    layer: str
    kind: str
    statistics: str
    accounting: str
    exact_fj: float
    table_fj: float
    sampling_error: float
    error: float
    rank: float
    value_error: float
    pairs: int


def judged(
    stage: str, kind: str, statistics: str, exact: LayerEnergy, table: LayerEnergy, values: Float, marginal: Float
) -> LayerVerdict:
    """Hold a table against what is exact.

    Args:
        stage, kind, statistics: see `LayerVerdict`; `pairs` is 0 until it is known.
        exact, table: energy of the layer.
        values: the table's E_l(w).
        marginal: the exact one, likewise.
    """
    table_fj, exact_fj = table.energy.dynamic_fj, exact.energy.dynamic_fj
    return LayerVerdict(
        stage=stage,
        layer=table.layer,
        kind=kind,
        statistics=statistics,
        accounting=table.accounting,
        exact_fj=exact_fj,
        table_fj=table_fj,
        sampling_error=_relative(table.standard_error_fj, table_fj),
        error=_relative(table_fj - exact_fj, exact_fj),
        rank=rank_correlation(values, marginal),
        value_error=float(np.mean(np.abs(values / marginal - 1))),
        pairs=0,
    )


def _relative(difference: float, whole: float) -> float:
    """Their ratio; what takes no energy is wrong by nothing, or beyond all measure."""
    if whole:
        return difference / whole
    return math.copysign(math.inf, difference) if difference else 0.0


def rank_correlation(first: Float, second: Float) -> float:
    """Spearman's rank correlation; equal values share their mean rank.

    >>> rank_correlation(np.array([1.0, 2.0, 4.0]), np.array([10.0, 30.0, 20.0]))
    0.5
    """
    return round(float(np.corrcoef(_ranks(first), _ranks(second))[0, 1]), 12)


def _ranks(values: Float) -> Float:
    _, place, sizes = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(sizes) - (sizes + 1) / 2)[place])


@dataclass(frozen=True)
class NetworkVerdict:
    """All convolutions of a network by one model; linear layers stand apart.

    Attributes:
        stage, statistics: see `LayerVerdict`.
        error: of the sum of the convolutions' energies.
        mean_error: mean of the convolutions' absolute errors.
        worst_error: the greatest of them, with its sign.
        worst_layer: whose it is.
        worst_rank: least rank correlation.
        mean_rank: mean rank correlation.
        value_error: mean of the convolutions' `value_error`.
    """

    stage: str
    statistics: str
    error: float
    mean_error: float
    worst_error: float
    worst_layer: str
    worst_rank: float
    mean_rank: float
    value_error: float


def summed(rows: Sequence[LayerVerdict]) -> list[NetworkVerdict]:
    """One row a stage and model, in the order in which they come."""
    models = dict.fromkeys((row.stage, row.statistics) for row in rows)
    return [_network([row for row in rows if (row.stage, row.statistics) == model]) for model in models]


def _network(rows: Sequence[LayerVerdict]) -> NetworkVerdict:
    kept = [row for row in rows if row.kind == "conv"] or list(rows)
    worst = max(kept, key=lambda row: abs(row.error))
    return NetworkVerdict(
        stage=worst.stage,
        statistics=worst.statistics,
        error=_relative(sum(row.table_fj - row.exact_fj for row in kept), sum(row.exact_fj for row in kept)),
        mean_error=float(np.mean([abs(row.error) for row in kept])),
        worst_error=worst.error,
        worst_layer=worst.layer,
        worst_rank=min(row.rank for row in kept),
        mean_rank=float(np.mean([row.rank for row in kept])),
        value_error=float(np.mean([row.value_error for row in kept])),
    )


@dataclass(frozen=True)
class Claim:
    """Whether a model of each layer beats one model of all, with the same pairs and groups.

    Attributes:
        stage: which network.
        global_error, layer_error: mean absolute error of the layers' energies by one model of all, and by one of each.
        better: layers, of `layers`, whose energy the layer's own model tells better.
        layers: convolutions.
        global_rank, layer_rank: mean rank correlations.
        energies: layer-aware tables tell the layers' energies better.
        ranks: they rank weights better.
    """

    stage: str
    global_error: float
    layer_error: float
    better: int
    layers: int
    global_rank: float
    layer_rank: float
    energies: bool
    ranks: bool


def claims(rows: Sequence[LayerVerdict], pooled: str = "global", own: str = "independent") -> list[Claim]:
    """The paper's claim that layer-aware statistics beat global ones, stage by stage, where both were tried."""
    found = {(row.stage, row.statistics): row for row in summed(rows)}
    stages = dict.fromkeys(row.stage for row in rows)
    return [
        _claim(stage, found[stage, pooled], found[stage, own], rows)
        for stage in stages
        if (stage, pooled) in found and (stage, own) in found
    ]


def _claim(stage: str, pooled: NetworkVerdict, own: NetworkVerdict, rows: Sequence[LayerVerdict]) -> Claim:
    errors = [
        {row.layer: abs(row.error) for row in rows if (row.stage, row.statistics, row.kind) == (stage, model, "conv")}
        for model in (pooled.statistics, own.statistics)
    ]
    return Claim(
        stage=stage,
        global_error=pooled.mean_error,
        layer_error=own.mean_error,
        better=sum(errors[1][layer] < errors[0][layer] for layer in errors[0]),
        layers=len(errors[0]),
        global_rank=pooled.mean_rank,
        layer_rank=own.mean_rank,
        energies=own.mean_error < pooled.mean_error,
        ranks=own.mean_rank > pooled.mean_rank,
    )


def save_verdict(rows: Iterable[LayerVerdict], path: Path) -> None:
    """Write a Parquet file, one row a layer and model, whole or not at all.

    Raises:
        StorageError: the file cannot be written.
    """
    buffer = io.BytesIO()
    pl.DataFrame([asdict(row) for row in rows]).write_parquet(buffer)
    write_atomic(path, buffer.getvalue())


def load_verdict(path: Path) -> list[LayerVerdict]:
    """Read what `save_verdict` wrote.

    Raises:
        StorageError: missing or damaged.
    """
    try:
        return [LayerVerdict(**row) for row in pl.read_parquet(io.BytesIO(path.read_bytes())).to_dicts()]
    except (OSError, pl.exceptions.PolarsError, TypeError, ValueError) as error:
        raise StorageError(f"cannot read the verdict {path}: {error}; run `wattloop verdict` again") from error
