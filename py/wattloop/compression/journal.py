"""The journal of a compression: one frozen event for every decision, with its figures.

Energies are in fJ per image, accuracies fractions, drops in accuracy points.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import cattrs
from cattrs.preconf.json import make_converter
from cattrs.strategies import configure_tagged_union

from wattloop.compression.powerpruning.events import ValuesTimed
from wattloop.compression.rate_distortion.events import RateDistortionEvent
from wattloop.errors import StorageError


@dataclass(frozen=True)
class CampaignStarted:
    """A campaign begins: its methods, and the int8 network that each of them starts from.

    `energy_fj` is that of its layers in scope by real tiles of training images; `limit` the share of it that weights of
    0 alone would save: no method saves more.
    """

    methods: tuple[str, ...]
    accuracy: float
    loss: float
    energy_fj: float
    limit: float
    seed: int


@dataclass(frozen=True)
class MethodStarted:
    """A method begins with the int8 network; `parts` is how many steps it will take, points or layers."""

    method: str
    parts: int


@dataclass(frozen=True)
class ValuesChosen:
    """A method chose what the weights of some layers may be.

    `most_fj` is the energy of a MAC cycle of the dearest value; None where energies played no part.
    """

    method: str
    layers: tuple[str, ...]
    values: tuple[int, ...]
    most_fj: float | None


@dataclass(frozen=True)
class PointFound:
    """A method offers a network; its energy is by real tiles of training images.

    `mapped` tells that it is laid onto the array other than as it is.
    """

    method: str
    setting: str
    accuracy: float
    loss: float
    energy_fj: float
    mapped: bool = False


@dataclass(frozen=True)
class TimeSpent:
    """The budget is spent: the campaign ends with what it has."""

    method: str


@dataclass(frozen=True)
class Started:
    """The loop begins: int8 validation accuracy, the bound, and the layers in descending share of energy."""

    accuracy: float
    loss: float
    bound: float
    seed: int
    layers: tuple[str, ...]
    shares: tuple[float, ...]


@dataclass(frozen=True)
class Profiled:
    """Energy tables were built for `layers` from the network as it is; `stale` are the layers whose table is older."""

    layers: tuple[str, ...]
    stale: tuple[str, ...]
    origin: str


@dataclass(frozen=True)
class LayerStarted:
    """A layer's turn: its energy now, its bound, and the configurations (ratio, K) in the order of their energy."""

    layer: str
    energy_fj: float
    bound: float
    configurations: tuple[tuple[float, int], ...]
    estimates_fj: tuple[float, ...]


@dataclass(frozen=True)
class Pruned:
    """A layer was pruned and fine-tuned."""

    layer: str
    ratio: float
    sparsity: float
    accuracy_before_tuning: float
    accuracy: float
    feasible: bool


@dataclass(frozen=True)
class SafeSet:
    """A safe starting set was tried; `holds` tells whether it keeps the accuracy."""

    layer: str
    ratio: float
    values: tuple[int, ...]
    accuracy: float
    tuned: bool
    holds: bool


@dataclass(frozen=True)
class RemovalTried:
    """A value was tentatively removed: accepted, or marked essential."""

    layer: str
    value: int
    saving_fj: float
    drop_points: float
    score: float
    accuracy: float
    loss: float
    recovered: bool
    accepted: bool
    size: int


@dataclass(frozen=True)
class ConfigurationTried:
    """A configuration was tried to its end; `verdict` is "accepted" or says why not.

    Where no set was reached, `values` is empty, accuracy and loss are None and the energy is the estimate.
    """

    layer: str
    ratio: float
    set_size: int
    values: tuple[int, ...]
    energy_fj: float
    accuracy: float | None
    loss: float | None
    verdict: str


@dataclass(frozen=True)
class LayerDecided:
    """A layer is settled; `stale` are the layers whose statistics the change has aged. No ratio: left as it was.

    `energy_fj` is the table's, `tiles_fj` that of real tiles of training images, each before and after; the tiles'
    standard errors come with them. None where the layer was left as it was.
    """

    layer: str
    ratio: float | None
    set_size: int | None
    accuracy: float
    energy_before_fj: float
    energy_fj: float
    stale: tuple[str, ...]
    tiles_before_fj: float | None = None
    tiles_fj: float | None = None
    tiles_before_error_fj: float | None = None
    tiles_error_fj: float | None = None


@dataclass(frozen=True)
class Finished:
    """The loop ends: validation accuracy of what is kept, and the energy of the compressed layers."""

    accuracy: float
    loss: float
    bound: float
    energy_before_fj: float
    energy_fj: float


CampaignEvent = CampaignStarted | MethodStarted | ValuesChosen | PointFound | TimeSpent
LayerwiseEvent = (
    Started | Profiled | LayerStarted | Pruned | SafeSet | RemovalTried | ConfigurationTried | LayerDecided | Finished
)
Event = CampaignEvent | LayerwiseEvent | RateDistortionEvent | ValuesTimed
OnEvent = Callable[[Event], None]


def _converter() -> cattrs.Converter:
    converter = make_converter()
    configure_tagged_union(Event, converter, tag_name="event")
    return converter


def to_lines(events: Iterable[Event]) -> str:
    """JSON lines, one an event, each with its kind under "event"."""
    converter = _converter()
    return "".join(json.dumps(converter.unstructure(event, unstructure_as=Event)) + "\n" for event in events)


def from_lines(text: str) -> tuple[Event, ...]:
    """The events of `to_lines`.

    Raises:
        StorageError: a line is not an event; the message gives its number.
    """
    converter = _converter()
    events: list[Any] = []
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            events.append(converter.structure(json.loads(line), Event))  # type: ignore[arg-type]
        except (ValueError, KeyError, TypeError, cattrs.BaseValidationError) as error:
            raise StorageError(f"line {number} of the journal is damaged: run the compression again") from error
    return tuple(events)
