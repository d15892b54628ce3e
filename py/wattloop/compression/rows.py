"""One row a network: what every table of results has the same columns of (`row_files` keeps them)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from wattloop.compression.bound_facts import BoundFacts
from wattloop.compression.energies import ACCOUNTINGS, NetworkEnergies, saving

Int8 = npt.NDArray[np.int8]

_ALL_VALUES = 256


@dataclass(frozen=True)
class Row:
    """A compressed network beside the int8 one on the same hardware, images and accounting.

    Accuracies, savings and sparsity are fractions; energies fJ per image of all convolutions, the stem included, on the
    active cells in all phases of a tile (`array`: the idle cells too).

    Attributes:
        network, dataset: what is computed.
        method: who compressed it.
        setting: what tells it from the method's other points, such as "target=0.6".
        mac: template of the MAC cell.
        seed: of the compression.
        epochs: fine-tuning that the network has seen since int8; what a method tried and gave up does not count.
        accuracy_int8, accuracy: on the test images.
        validation_int8, validation: on the validation images, which decisions rest on.
        datapath_saving, total_saving, functional_saving, array_saving: by accounting (see `energies.ACCOUNTINGS`).
        datapath_saving_error: standard error of sampling tiles; 0 where all tiles of the images ran.
        datapath_fj, total_fj, functional_fj, array_fj: of the compressed network.
        datapath_int8_fj, total_int8_fj, functional_int8_fj, array_int8_fj: of the int8 network.
        preload_fj: clock and leakage of the registers that hold offsets of partial sums; it stands beside the array, in
            none of the energies and savings.
        datapath_saving_over_array: saved against the int8 network on the default array MAC; None where not measured.
        max_values_per_layer: size of the largest allowed set.
        bits_per_weight: mean over the weights of the bits that an index into their layer's set takes.
        sparsity: share of the weights that are 0.
        images: test images that were simulated.
        tiles: "all" of their tiles, or how many of the compressed network's; sampled to a precision, those of the int8
            network may be more or fewer.
        mapped: whether layers are laid onto the array other than as they are.
        activation_codes and all after it: what `BoundFacts` says.
    """

    network: str
    dataset: str
    method: str
    setting: str
    mac: str
    seed: int
    epochs: int
    accuracy_int8: float
    accuracy: float
    validation_int8: float
    validation: float
    datapath_saving: float
    total_saving: float
    functional_saving: float
    array_saving: float
    datapath_saving_error: float
    datapath_fj: float
    total_fj: float
    functional_fj: float
    array_fj: float
    datapath_int8_fj: float
    total_int8_fj: float
    functional_int8_fj: float
    array_int8_fj: float
    preload_fj: float
    datapath_saving_over_array: float | None
    max_values_per_layer: int
    bits_per_weight: float
    sparsity: float
    images: int
    tiles: int | str
    mapped: bool
    activation_codes: int
    delay_bound_ps: float | None
    settling_ps: float | None
    needed_ps: float | None
    supply_v: float | None
    unselected_supply_v: float | None
    supply_origin: str
    datapath_saving_at_supply: float | None
    total_saving_at_supply: float | None
    functional_saving_at_supply: float | None
    array_saving_at_supply: float | None
    late_transitions: int | None
    timed_tiles: int

    @property
    def drop_points(self) -> float:
        """Accuracy lost on the test images, points."""
        return 100.0 * (self.accuracy_int8 - self.accuracy)


@dataclass(frozen=True)
class Labels:
    """What a row is of: see `Row`."""

    network: str
    dataset: str
    method: str
    setting: str
    mac: str
    seed: int
    epochs: int


@dataclass(frozen=True)
class Measured:
    """A network's figures.

    Attributes:
        accuracy: on the test images, a fraction.
        validation: on the validation images, a fraction.
        energies: by tiles.
    """

    accuracy: float
    validation: float
    energies: NetworkEnergies


@dataclass(frozen=True)
class WeightFacts:
    """What a network's weights take: see `Row`."""

    max_values_per_layer: int
    bits_per_weight: float
    sparsity: float


def weight_facts(layers: Iterable[tuple[Int8, Sequence[int] | None]]) -> WeightFacts:
    """Facts of the convolutions' weights.

    Args:
        layers: weights of each with the values that it may use; None where it may use all 256.
    """
    most, weights, zeros, bits = 0, 0, 0, 0
    for found, allowed in layers:
        count = _ALL_VALUES if allowed is None else len(allowed)
        most, weights = max(most, count), weights + found.size
        zeros += int((found == 0).sum())
        bits += found.size * math.ceil(math.log2(count))
    return WeightFacts(most, bits / weights, zeros / weights)


def row_of(
    labels: Labels, int8: Measured, compressed: Measured, weights: WeightFacts, bound: BoundFacts, *, mapped: bool
) -> Row:
    """The row of a compressed network; `int8` is of the same hardware and images."""
    before, after = int8.energies, compressed.energies
    return Row(
        **vars(labels),
        **_energies(before, after),
        accuracy_int8=int8.accuracy,
        accuracy=compressed.accuracy,
        validation_int8=int8.validation,
        validation=compressed.validation,
        preload_fj=after.preload_fj,
        datapath_saving_over_array=None,
        **vars(weights),
        images=after.images,
        tiles="all" if after.everything else after.tiles,
        mapped=mapped,
        **vars(bound),
    )


def _energies(before: NetworkEnergies, after: NetworkEnergies) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in ACCOUNTINGS:
        energies = before.fj(name), after.fj(name)
        errors = before.error_fj(name), after.error_fj(name)
        found[f"{name}_int8_fj"], found[f"{name}_fj"] = energies
        found[f"{name}_saving"], error = saving(*energies, *errors)
        if name == "datapath":
            found["datapath_saving_error"] = error
    return found


def setting_text(setting: Mapping[str, str | int | float]) -> str:
    """A setting as rows name it.

    >>> setting_text({"target": 0.6, "values": 16})
    'target=0.6 values=16'
    """
    return " ".join(f"{name}={value}" for name, value in setting.items())
