"""Where the networks of the tables come from: committed checkpoints, or compression here and now."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from wattloop.errors import ModelError
from wattloop.flow.inputs import check_inputs
from wattloop.flow.models import ModelEntry, Models
from wattloop.flow.progress import Progress
from wattloop.flow.reproduce.campaigns import compressed
from wattloop.flow.reproduce.measured import Bench, from_models
from wattloop.flow.settings import Settings
from wattloop.report.reproduce.results import INT8, Result
from wattloop.runs import Run
from wattloop.store import Store

Source = tuple[Models, tuple[ModelEntry, ...]]


def results_of(exhibit: str, settings: Settings, run: Run, store: Store, progress: Progress) -> tuple[Result, ...]:
    """The measured networks of an exhibit; an int8 network stands once.

    Raises:
        StorageError: no folder of checkpoints, or a damaged one.
        ModelError: there are none for this exhibit.
    """
    found: list[Result] = []
    for models, entries in _sources(exhibit, settings, store, progress):
        with settings.parallel.start() as workers:
            results = from_models(models, entries, Bench(settings, store, progress, workers))
        known = {result.row for result in found if result.row.method == INT8}
        found += [result for result in results if result.row not in known]
        run.facts |= {f"made {entry.file}": entry.command for entry in entries if settings.reproduce.from_models}
    if all(result.row.method == INT8 for result in found):
        raise ModelError(f"{exhibit}: no method offered a network; ask for less, or give it more time")
    run.facts |= {"simulator": settings.measure.simulator, "images": str(settings.measure.images)}
    return tuple(found)


def _sources(exhibit: str, settings: Settings, store: Store, progress: Progress) -> Iterator[Source]:
    if settings.reproduce.from_models:
        models = Models.open(Path(settings.reproduce.models))
        yield models, models.of(exhibit)
        return
    check_inputs(settings, progress)
    yield from compressed(exhibit, settings, store, progress)
