"""Blocks of a network: what the paper's tables 2 and 3 add up."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from wattloop.report.reproduce.results import LayerFacts, saved


@dataclass(frozen=True)
class Block:
    """Convolutions that stand together.

    Attributes:
        number: from 1, as the paper counts; 0 for the stem.
        name: of the block in the network.
        layers: its convolutions.
        whole: all convolutions of the network.
    """

    number: int
    name: str
    layers: tuple[LayerFacts, ...]
    whole: tuple[LayerFacts, ...]

    @property
    def title(self) -> str:
        """As the paper names it, its convolutions counted without the stem."""
        residual = any("." in layer.layer for layer in self.whole)
        stem = sum("." not in layer.layer for layer in self.whole) if residual else 0
        numbers = [f"Conv{self.whole.index(layer) + 1 - stem}" for layer in self.layers]
        return f"Block {self.number} ({', '.join(numbers)})" if self.number else f"stem ({self.name})"

    @property
    def saving(self) -> float:
        """What it saves, a fraction (`datapath`)."""
        return saved(self.layers)

    @property
    def share(self) -> float:
        """Of the energy of all convolutions before compression."""
        return sum(_before(layer) for layer in self.layers) / sum(_before(layer) for layer in self.whole)

    @property
    def share_of_macs(self) -> float:
        """Of the multiply-accumulates."""
        return sum(layer.macs for layer in self.layers) / sum(layer.macs for layer in self.whole)

    @property
    def points(self) -> float:
        """What it contributes to the saving of the network, a fraction."""
        return self.share * self.saving

    @property
    def sparsity(self) -> float:
        """Share of its weights that are 0."""
        return sum(layer.zeros for layer in self.layers) / sum(layer.weights for layer in self.layers)

    @property
    def values(self) -> int:
        """Size of its largest set."""
        return max(layer.values for layer in self.layers)


def _before(layer: LayerFacts) -> float:
    return layer.int8_fj["datapath"]


def blocks(layers: Sequence[LayerFacts]) -> list[Block]:
    """The blocks in the order of the network; convolutions without one are blocks of their own.

    In a residual network the convolutions outside of blocks are its stem, number 0.
    """
    grouped: dict[str, list[LayerFacts]] = {}
    for layer in layers:
        grouped.setdefault(layer.layer.rpartition(".")[0] or layer.layer, []).append(layer)
    residual = any("." in layer.layer for layer in layers)
    found, number = [], 0
    for name, members in grouped.items():
        stem = residual and "." not in members[0].layer
        number += not stem
        found.append(Block(0 if stem else number, name, tuple(members), tuple(layers)))
    return found


def number_of(title: str) -> int | None:
    """Number of a block in the paper's words.

    >>> number_of("Block 4 (Conv7, Conv8)"), number_of("")
    (4, None)
    """
    found = re.match(r"Block (\d+)", title)
    return None if found is None else int(found[1])
