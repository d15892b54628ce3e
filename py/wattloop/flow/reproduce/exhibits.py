"""The exhibits by name, and the flow that makes one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wattloop import resources
from wattloop.errors import ConfigError
from wattloop.flow.progress import SILENT, Progress
from wattloop.flow.reporting import report
from wattloop.flow.reproduce import figure1, figure2, figure3
from wattloop.flow.reproduce.sources import results_of
from wattloop.flow.settings import Settings
from wattloop.report.reproduce import ablations, figure4, powerpruning, table1, table2, table3, table4
from wattloop.report.reproduce.exhibit import Exhibit
from wattloop.report.reproduce.results import Result
from wattloop.runs import Run
from wattloop.store import Store

Maker = Callable[[Settings, Run, Store, Progress], Exhibit]


@dataclass(frozen=True)
class Recipe:
    """How an exhibit is made.

    Attributes:
        make: does the work.
        config: settings of its own, a file of `sim/configs`.
        from_models: the same for committed checkpoints.
    """

    make: Maker
    config: str
    from_models: str


def _of_networks(name: str, exhibit: Callable[[Sequence[Result]], Exhibit]) -> Recipe:
    """An exhibit of compressed networks."""

    def make(settings: Settings, run: Run, store: Store, progress: Progress) -> Exhibit:
        return exhibit(results_of(name, settings, run, store, progress))

    return Recipe(make, "reproduce_resnet20.toml", "reproduce_models.toml")


def _of_layers(make: Maker) -> Recipe:
    """An exhibit of an int8 network's layers."""
    return Recipe(make, "reproduce_lenet5.toml", "reproduce_lenet5.toml")


EXHIBITS: Mapping[str, Recipe] = {
    "table1": _of_networks("table1", table1.exhibit),
    "table2": _of_networks("table2", table2.exhibit),
    "table3": _of_networks("table3", table3.exhibit),
    "table4": _of_networks("table4", table4.exhibit),
    "figure1": _of_layers(figure1.make),
    "figure2": _of_layers(figure2.make),
    "figure3": _of_layers(figure3.make),
    "figure4": _of_networks("figure4", figure4.exhibit),
    "powerpruning": _of_networks("powerpruning", powerpruning.exhibit),
    "ablations": _of_networks("ablations", ablations.exhibit),
}
_QUICK = "reproduce_quick.toml"


def recipe(exhibit: str) -> Recipe:
    """How an exhibit is made.

    Raises:
        ConfigError: there is none of that name; the message lists them.
    """
    if exhibit not in EXHIBITS:
        raise ConfigError(f"unknown exhibit {exhibit!r}; known: {', '.join(EXHIBITS)}")
    return EXHIBITS[exhibit]


def usual_config(exhibit: str, *, quick: bool = False, from_models: bool = False) -> Path:
    """The settings that an exhibit is made with unless others are given.

    Args:
        exhibit: its name.
        quick: small data, few tiles, no meaning: it shows that everything works.
        from_models: networks are not made but measured.

    Raises:
        ConfigError: no such exhibit.
    """
    own = recipe(exhibit)
    return resources.folder("sim") / "configs" / (_QUICK if quick else own.from_models if from_models else own.config)


def reproduce_flow(
    exhibit: str, settings: Settings, run: Run, *, store: Store | None = None, progress: Progress = SILENT
) -> Exhibit:
    """Make an exhibit; the run gets it as Markdown, JSON, Parquet and plots, and the report.

    Args:
        exhibit: "figure1" and so on.
        settings: see `flow.reproduce_settings`.
        run: where results go.
        store: cache.
        progress: told of every step.

    Raises:
        ConfigError: no such exhibit, or a cell of the user's.
        DatasetError, ModelError, StorageError: data, network or checkpoints are missing or damaged.
    """
    if settings.hardware.own_mac is not None:
        raise ConfigError(
            "hardware.own_mac: exhibits compare wattloop's own cells; use `compress` or `explore` instead"
        )
    made = recipe(exhibit).make(settings, run, store or Store(), progress)
    run.record()
    made.write(run.folder, run.facts)
    report(run, progress)
    return made
