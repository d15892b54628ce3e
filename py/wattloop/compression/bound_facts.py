"""What a network under a delay bound keeps to, and what the slack is worth: the columns of its row."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

_ALL_CODES = 256


@dataclass(frozen=True)
class BoundFacts:
    """What a row says of delay bound and supply; the defaults are those of a network without a bound.

    Attributes:
        activation_codes: activation codes that a convolution may read at most; 256 where one reads all.
        delay_bound_ps: settling time that weights and codes were chosen for, ps after the clock edge.
        settling_ps: the latest that the array may settle with what the layers in scope hold, loading and idle cells
            included, for all partial sums; ps after the clock edge.
        needed_ps: that, corrected and with the set-up time: what has to fit the period.
        supply_v: supply of the layers in scope; all other layers stay at the nominal one.
        unselected_supply_v: supply that the same law allows the cell with all weights and all codes.
        supply_origin: what the supply rests on, in words.
        datapath_saving_at_supply, total_saving_at_supply, functional_saving_at_supply, array_saving_at_supply: savings
            by accounting with the convolutions at `supply_v` against the int8 network at the nominal supply.
        late_transitions: transitions of real tiles that settle after the bound; None where no tile was timed.
        timed_tiles: how many tiles were.
    """

    activation_codes: int = _ALL_CODES
    delay_bound_ps: float | None = None
    settling_ps: float | None = None
    needed_ps: float | None = None
    supply_v: float | None = None
    unselected_supply_v: float | None = None
    supply_origin: str = ""
    datapath_saving_at_supply: float | None = None
    total_saving_at_supply: float | None = None
    functional_saving_at_supply: float | None = None
    array_saving_at_supply: float | None = None
    late_transitions: int | None = None
    timed_tiles: int = 0


@dataclass(frozen=True, eq=False)
class TileCheck:
    """Late transitions of real tiles of a network.

    Attributes:
        by_pe: a row a PE and layer that was seen late: layer, row, col, late (how many), latest_ps.
        late: a row a transition, the latest first, perhaps not all: layer, tile, row, col, cycle, settling_ps,
            and weight, activation and partial sum before and after (`timing.tiles.COLUMNS`).
    """

    by_pe: pl.DataFrame
    late: pl.DataFrame


@dataclass(frozen=True, eq=False)
class Judged:
    """What is found out of a network under a delay bound.

    Attributes:
        facts: of the supply and of real tiles.
        check: the late transitions behind them.
    """

    facts: BoundFacts
    check: TileCheck


def widest(codes: Iterable[tuple[int, ...] | None]) -> int:
    """How many codes a layer may read at most, given those of each layer; None stands for all."""
    return max((_ALL_CODES if found is None else len(found) for found in codes), default=_ALL_CODES)


def numbered(frames: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Frames of one network after another in one, with the number of the network, from 0, in a column `network`."""
    marked = (frame.with_columns(pl.lit(k, pl.Int64).alias("network")) for k, frame in enumerate(frames))
    return pl.concat([frame.select("network", pl.exclude("network")) for frame in marked])
