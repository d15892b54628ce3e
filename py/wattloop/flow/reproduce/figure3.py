"""Figure 3: activation transitions by layer."""

from __future__ import annotations

from dataclasses import replace

from wattloop.arith.layer import LayerTrace
from wattloop.arith.statistics import LayerStatistics, collect
from wattloop.errors import ConfigError
from wattloop.flow.progress import Progress
from wattloop.flow.reproduce.profiled import profiled
from wattloop.flow.settings import Settings
from wattloop.report.reproduce import figure3
from wattloop.report.reproduce.exhibit import Exhibit
from wattloop.runs import Run
from wattloop.store import Store


def make(settings: Settings, run: Run, store: Store, progress: Progress) -> Exhibit:
    """Count the layers' transitions on two halves of the images; the run gets the statistics, too.

    Raises:
        ConfigError: one image cannot be halved.
    """
    if settings.characterize.images < 2:
        raise ConfigError("figure3 compares two halves of the images: characterize.images is 2 or more")
    traces = profiled(settings, run, store, progress)
    halves = [(_half(t, settings, 0, progress), _half(t, settings, 1, progress)) for t in traces]
    for pair in halves:
        for number, seen in enumerate(pair, start=1):
            seen.save(run.folder / "statistics" / f"{seen.layer}.half{number}.npz")
    return figure3.exhibit(halves)


def _half(trace: LayerTrace, settings: Settings, which: int, progress: Progress) -> LayerStatistics:
    chosen = settings.characterize
    middle = trace.images // 2
    inputs = trace.inputs[:middle] if which == 0 else trace.inputs[middle:]
    with progress.step(f"collecting the transitions of {trace.layer.name}, half {which + 1} of the images") as step:
        part = replace(trace, inputs=inputs)
        return collect(part, settings.hardware.array, tiles=chosen.tiles, seed=chosen.seed, progress=step)
