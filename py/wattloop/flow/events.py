"""What a compression tells while it runs, in words."""

from __future__ import annotations

from wattloop.compression.journal import (
    ConfigurationTried,
    Event,
    Finished,
    LayerDecided,
    LayerStarted,
    Profiled,
    Pruned,
    RemovalTried,
    SafeSet,
    Started,
)
from wattloop.flow.progress import Progress, Step


class Watch:
    """Shows the events of a compression: decisions as lines that stay, the rest beside the bar.

    Args:
        progress: gets the lines.
        step: the bar, one unit a layer, in parts of one configuration of it.
    """

    def __init__(self, progress: Progress, step: Step) -> None:
        self._progress, self._step = progress, step
        self._layers: tuple[str, ...] = ()
        self._done = 0
        self._part, self._parts = 0, 1

    def __call__(self, event: Event) -> None:
        """Show `event`."""
        if isinstance(event, Started):
            self._layers = event.layers
        elif isinstance(event, LayerStarted):
            self._turn(event)
        elif isinstance(event, LayerDecided):
            self._done, self._part = self._done + 1, 0
        elif isinstance(event, ConfigurationTried):
            self._part += 1
        elif isinstance(event, Finished) and self._done == 0:
            self._progress.tell("going on where an interrupted run stood: all layers were settled")
        if text := sentence(event):
            self._progress.tell(text)
        self._step(self._done + min(self._part / self._parts, 1), max(len(self._layers), 1), note(event))

    def _turn(self, event: LayerStarted) -> None:
        settled = self._layers.index(event.layer)
        if settled > self._done:
            self._progress.tell(f"going on where an interrupted run stood: {settled} layers were settled")
        self._done, self._part, self._parts = settled, 0, len(event.configurations)


def sentence(event: Event) -> str:
    """A decision in one line; empty for all other events."""
    if isinstance(event, Started):
        order = ", ".join(f"{layer} {share:.1%}" for layer, share in zip(event.layers, event.shares, strict=True))
        return f"int8 validation accuracy {event.accuracy:.2%}, not to fall below {event.bound:.2%}; energy: {order}"
    if isinstance(event, ConfigurationTried):
        reached = "" if event.accuracy is None else f"validation {event.accuracy:.2%}, "
        return f"{event.layer}: {event.ratio:.0%} pruned, {event.set_size} values: {reached}{event.verdict}"
    if isinstance(event, LayerDecided):
        if event.ratio is None:
            return f"{event.layer}: left as it was"
        saved = 1 - event.energy_fj / event.energy_before_fj
        return f"{event.layer}: settled, saves {saved:.1%} by table; validation {event.accuracy:.2%}"
    if isinstance(event, Finished):
        saved = 1 - event.energy_fj / event.energy_before_fj
        return f"all layers settled: validation {event.accuracy:.2%}, {saved:.1%} saved by table"
    return ""


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
