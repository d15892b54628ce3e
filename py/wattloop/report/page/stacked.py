"""Energies as stacked bars: one segment an origin, all bars of a chart on one scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wattloop.report.energies import ORIGINS
from wattloop.report.page.charts import Bar, Segment
from wattloop.report.units import EnergyUnit, energy_unit, with_error

COLOURS = dict(zip(ORIGINS, ("c1", "c2", "c3", "pale", "grey"), strict=True))
LEGEND = tuple((f"seg {COLOURS[column]}", "", name) for column, name in ORIGINS.items())

# Per cent of the room: what the longest bar takes, and what stands for nothing.
_ROOM, _HAIRLINE = 97.0, 0.4

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Scale:
    """What the room of a chart's bars stands for: `most` fJ, shown in `unit`."""

    most: float
    unit: EnergyUnit

    @classmethod
    def of(cls, rows: Sequence[Row]) -> Scale:
        """One that holds the bars of all rows with their error bars."""
        most = max(whole_fj(row) for row in rows)
        return cls(most * 1.01 or 1.0, energy_unit([most]))

    def share(self, value_fj: float) -> float:
        """A value's part of the room, per cent."""
        return 100 * value_fj / self.most

    def text(self, value_fj: float, error_fj: float = 0.0) -> str:
        """A value with its unit."""
        shown = value_fj / self.unit.in_fj
        number = with_error(shown, error_fj / self.unit.in_fj) if error_fj > 0 else f"{shown:#.4g}"
        return f"{number.rstrip('.')} {self.unit.name}"


def whole_fj(row: Row) -> float:
    """All origins together."""
    return float(sum(row[column] for column in ORIGINS))


def dynamic_fj(row: Row) -> float:
    """The dynamic origins, which bars begin with."""
    return float(sum(row[column] for column in list(ORIGINS)[:3]))


def stacked(name: str, row: Row, scale: Scale) -> Bar:
    """A bar of all origins; its error bar is at the end of the dynamic ones."""
    start, segments = 0.0, []
    for column, origin in ORIGINS.items():
        width = scale.share(row[column])
        segments.append(Segment(start, width, COLOURS[column], f"{origin}: {scale.text(row[column])}"))
        start += width
    error, dynamic = row["standard_error_fj"], dynamic_fj(row)
    whisker = (scale.share(dynamic - error), scale.share(2 * error)) if error > 0 else None
    return Bar(name, tuple(segments), scale.text(dynamic, error), whisker)


def plain(name: str, value: float, most: float, text: str, colour: str = "c1") -> Bar:
    """A bar of one part: `value` of `most`; nothing, or less, is a hairline."""
    width = max(_HAIRLINE, _ROOM * value / most) if most > 0 else _HAIRLINE
    return Bar(name, (Segment(0.0, width, colour, text),), text)
