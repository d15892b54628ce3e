"""How layers use the array: which weights on which rows, for how many cycles, and what is loaded after what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wattloop.arith.layer import IntegerLayer
from wattloop.errors import ConfigError
from wattloop.gates.spec import ArraySpec
from wattloop.power.weight_load import LoadTable, loading

Float = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]
Int8 = npt.NDArray[np.int8]


def cycles(layer: IntegerLayer, spec: ArraySpec) -> tuple[int, int]:
    """Cycles of one image in which a cell's data moves, and all of them.

    A tile of n pixels has n + 1 in which data moves: idle to the first pixel, ..., the last pixel to idle.
    """
    pixels = layer.geometry.pixels
    whole, rest = divmod(pixels, spec.pixels)
    sizes = [spec.pixels] * whole + [rest] * bool(rest)
    return pixels + len(sizes), sum(spec.cycles_of(size) for size in sizes)


def weight_counts(layer: IntegerLayer, weights: Int8, values: Int64, class_of_row: Int64, classes: int) -> Float:
    """How many cells of one pass over the layer hold each weight value on rows of each class.

    Args:
        layer: the layer.
        weights: shape (out_channels, reduction).
        values: the weight values, ascending.
        class_of_row: class of each reduction row, shape (groups, reduction), or (1, 1).
        classes: how many there are.

    Returns:
        shape (values, classes).

    Raises:
        ConfigError: a weight is none of `values`.
    """
    index = np.searchsorted(values, weights).clip(max=len(values) - 1)
    wrong = np.unique(weights[values[index] != weights])
    if wrong.size:
        raise ConfigError(
            f"layer {layer.name}: {wrong.size} of its weight values are not in the table, such as {wrong[0]}: map the"
            " weights to values that the cell holds"
        )
    geometry = layer.geometry
    of_row = np.broadcast_to(class_of_row, (geometry.groups, geometry.reduction))
    of_weight = np.repeat(of_row, geometry.out_channels // geometry.groups, axis=0)
    cells = np.bincount((index * classes + of_weight).ravel(), minlength=len(values) * classes)
    return cells.reshape(len(values), classes).astype(np.float64)


@dataclass(frozen=True)
class LayerUse:
    """Layers whose MACs share a table.

    Attributes:
        layers: with the weights that they have now.
        spec: the array.
        loads: toggles of loading weights; None leaves loading out.
    """

    layers: Sequence[IntegerLayer]
    spec: ArraySpec
    loads: LoadTable | None = None

    def counts(self, values: Int64, class_of_row: Int64, classes: int) -> Float:
        """MAC cycles of each weight value and class of rows, shape (values, classes)."""
        return np.asarray(
            sum(
                weight_counts(layer, layer.weight, values, class_of_row, classes) * cycles(layer, self.spec)[0]
                for layer in self.layers
            )
        )

    @property
    def moving(self) -> float:
        """Share of the cells' cycles in which their data moves."""
        return sum(layer.weight.size * cycles(layer, self.spec)[0] for layer in self.layers) / self._cell_cycles

    def load_density(self, nets: int) -> Float:
        """Toggles per cycle of a cell that come from loading weights, shape (nets,)."""
        density = np.zeros(nets)
        if self.loads is not None:
            for layer in self.layers:
                density[self.loads.nets] += self.loads.moves(loading(layer, layer.weight, self.spec))
        return density / self._cell_cycles

    @property
    def _cell_cycles(self) -> int:
        return sum(layer.weight.size * cycles(layer, self.spec)[1] for layer in self.layers)
