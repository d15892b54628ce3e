"""What a compression tells while it runs, in words."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import singledispatch

from wattloop.compression.journal import (
    CampaignStarted,
    ConfigurationTried,
    Event,
    Finished,
    LayerDecided,
    LayerStarted,
    MethodStarted,
    PointFound,
    Profiled,
    Pruned,
    RemovalTried,
    SafeSet,
    Started,
    TimeSpent,
    ValuesChosen,
)
from wattloop.compression.methods import LAYERWISE
from wattloop.compression.powerpruning.events import ValuesTimed
from wattloop.flow.progress import Progress, Step

# Parts that take less were found out by an earlier process.
_REPEATED_S = 1.0
# Values of a set that a line shows.
_LISTED = 24


class Watch:
    """Shows the events of a campaign: decisions as lines that stay, the rest beside the bar.

    Args:
        progress: gets the lines.
        step: the bar, one unit a method, in the parts that the method tells of itself.
        now: seconds of a clock that only goes forward.
    """

    def __init__(self, progress: Progress, step: Step, now: Callable[[], float] = time.monotonic) -> None:
        self._progress, self._step, self._now = progress, step, now
        self._methods = 1
        self._begun, self._parts = 0, 1
        self._done, self._tries, self._try = 0, 1, 0
        self._since, self._took = now(), list[float]()

    def __call__(self, event: Event) -> None:
        """Show `event`."""
        if isinstance(event, CampaignStarted):
            self._methods = len(event.methods)
        elif isinstance(event, MethodStarted):
            self._begun, self._parts, self._done, self._took = self._begun + 1, max(event.parts, 1), 0, []
            self._since = self._now()
        elif isinstance(event, LayerStarted):
            self._tries, self._try = max(len(event.configurations), 1), 0
        elif isinstance(event, ConfigurationTried):
            self._try += 1
        elif isinstance(event, LayerDecided) or (isinstance(event, PointFound) and event.method != LAYERWISE):
            self._part()
        if text := sentence(event):
            self._progress.tell(text)
        self._step(self._position, self._methods, "; ".join(filter(None, (note(event), self._left))))

    def _part(self) -> None:
        """A part of the method is done."""
        took, self._since = self._now() - self._since, self._now()
        self._done, self._try = self._done + 1, 0
        # What an earlier process found out takes no time and tells none.
        if took > _REPEATED_S:
            self._took.append(took)

    @property
    def _position(self) -> float:
        inner = (self._done + min(self._try / self._tries, 1)) / self._parts
        return max(self._begun - 1, 0) + min(inner, 1)

    @property
    def _left(self) -> str:
        """How long the method will still take, by the parts that it has done."""
        if not self._took or self._done >= self._parts:
            return ""
        seconds = sum(self._took) / len(self._took) * (self._parts - self._done) - (self._now() - self._since)
        minutes = max(1, round(seconds / 60))
        return f"about {minutes // 60} h {minutes % 60} min left" if minutes >= 60 else f"about {minutes} min left"


@singledispatch
def sentence(event: Event) -> str:
    """A decision in one line; empty for all other events."""
    return ""


@sentence.register
def _(event: CampaignStarted) -> str:
    return f"weights of 0 alone would save {event.limit:.1%} of the energy; methods: {', '.join(event.methods)}"


@sentence.register
def _(event: ValuesChosen) -> str:
    return f"{event.method}: {len(event.values)} values for {_named(event.layers)}: {_listed(event.values)}"


@sentence.register
def _(event: ValuesTimed) -> str:
    return (
        f"{len(event.weights)} of {event.candidates} values and {len(event.codes)} activation codes settle within"
        f" {event.bound_ps:g} ps"
    )


@sentence.register
def _(event: PointFound) -> str:
    laid = ", laid out at less cost" if event.mapped else ""
    return f"{event.method} {event.setting}{laid}: validation {event.accuracy:.2%}"


@sentence.register
def _(event: TimeSpent) -> str:
    return "the hours are spent: this is the best so far"


@sentence.register
def _(event: Started) -> str:
    order = ", ".join(f"{layer} {share:.1%}" for layer, share in zip(event.layers, event.shares, strict=True))
    return f"int8 validation accuracy {event.accuracy:.2%}, not to fall below {event.bound:.2%}; energy: {order}"


@sentence.register
def _(event: ConfigurationTried) -> str:
    reached = "" if event.accuracy is None else f"validation {event.accuracy:.2%}, "
    return f"{event.layer}: {event.ratio:.0%} pruned, {event.set_size} values: {reached}{event.verdict}"


@sentence.register
def _(event: LayerDecided) -> str:
    if event.ratio is None:
        return f"{event.layer}: left as it was"
    exact, saved = "", 1 - event.energy_fj / event.energy_before_fj
    if event.tiles_fj is not None and event.tiles_before_fj is not None:
        exact = f", {1 - event.tiles_fj / event.tiles_before_fj:.1%} by tiles"
    return f"{event.layer}: settled, saves {saved:.1%} by table{exact}; validation {event.accuracy:.2%}"


@sentence.register
def _(event: Finished) -> str:
    saved = 1 - event.energy_fj / event.energy_before_fj
    return f"all layers settled: validation {event.accuracy:.2%}, {saved:.1%} saved by table"


def _named(layers: tuple[str, ...]) -> str:
    return layers[0] if len(layers) == 1 else f"{len(layers)} layers"


def _listed(values: tuple[int, ...]) -> str:
    return " ".join(map(str, values)) if len(values) <= _LISTED else f"{values[0]} to {values[-1]}"


def note(event: Event) -> str:
    """What is going on, in a few words."""
    if isinstance(event, Pruned):
        return f"{event.layer}: pruned {event.sparsity:.0%}, validation {event.accuracy:.2%}"
    if isinstance(event, SafeSet):
        return f"{event.layer}: safe set of {len(event.values)}, validation {event.accuracy:.2%}"
    if isinstance(event, RemovalTried):
        return f"{event.layer}: {event.size} values, validation {event.accuracy:.2%}"
    if isinstance(event, Profiled):
        return f"profiled {', '.join(event.layers)}"
    return getattr(event, "layer", "")
