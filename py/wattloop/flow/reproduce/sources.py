"""Where the networks of the tables come from: committed checkpoints, or compression here and now."""

from __future__ import annotations

from pathlib import Path

from wattloop.errors import ConfigError
from wattloop.flow.models import Models
from wattloop.flow.progress import Progress
from wattloop.flow.reproduce.measured import Bench, from_models
from wattloop.flow.settings import Settings
from wattloop.report.reproduce.results import Result
from wattloop.runs import Run
from wattloop.store import Store


def results_of(exhibit: str, settings: Settings, run: Run, store: Store, progress: Progress) -> tuple[Result, ...]:
    """The measured networks of an exhibit.

    Raises:
        StorageError: no folder of checkpoints, or a damaged one.
        ModelError: it has none for this exhibit.
    """
    if not settings.reproduce.from_models:
        raise ConfigError(f"{exhibit}: give --from-models")
    models = Models.open(Path(settings.reproduce.models))
    entries = models.of(exhibit)
    with settings.parallel.start() as workers:
        found = from_models(models, entries, Bench(settings, store, progress, workers))
    run.facts |= {f"made {entry.file}": entry.command for entry in entries}
    run.facts |= {"simulator": settings.measure.simulator, "images": str(settings.measure.images)}
    return found
