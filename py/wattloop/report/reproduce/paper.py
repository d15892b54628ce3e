"""What the paper reports, transcribed: every figure with its place, and what its text states of its plots.

The captions number figures 1 to 4; section 3.1.1 calls the two parts of figure 2 "4a" and "4b".
Here the captions count:

    figure 1   section 2      average MAC power by weight value
    figure 2   section 3.1.1  power by Hamming distance (a, "4a" in the text) and by highest bits (b, "4b" in the text)
    figure 3   section 3.1.2  activation transitions of LeNet-5's first two convolutions
    figure 4   section 5.3.2  pruning, weight sets, both

The plots' points are not in the text, so of figures there are statements only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class PaperRow:
    """A row of one of the paper's tables.

    Attributes:
        network: name here.
        dataset: name here.
        method: as the paper words it.
        accuracy: test accuracy, a fraction; None where the table gives none.
        saving: of energy, a fraction; None where the table gives none.
        values: weight values that a layer may use.
        prune_ratio: share of the weights that are pruned; None where the table gives none.
        share: of the network's energy, before compression; None likewise.
        layers: what the row speaks of, in the paper's words; "" for the whole network.
    """

    network: str
    dataset: str
    method: str
    accuracy: float | None
    saving: float | None
    values: int
    prune_ratio: float | None = None
    share: float | None = None
    layers: str = ""


@dataclass(frozen=True)
class Statement:
    """What the paper's text says."""

    says: str
    place: str


ORIGIN, RIVAL, OURS = "origin", "PowerPruning [15]", "ours"

_LENET, _RESNET20, _RESNET50 = ("lenet5_wide", "cifar10"), ("resnet20", "cifar10"), ("resnet50", "cifar100")

TABLE1: Sequence[PaperRow] = (
    PaperRow(*_LENET, ORIGIN, 0.789, None, 256),
    PaperRow(*_LENET, RIVAL, 0.784, 0.460, 32),
    PaperRow(*_LENET, OURS, 0.778, 0.533, 16),
    PaperRow(*_RESNET20, ORIGIN, 0.925, None, 256),
    PaperRow(*_RESNET20, RIVAL, 0.889, 0.509, 32),
    PaperRow(*_RESNET20, OURS, 0.894, 0.586, 16),
    PaperRow(*_RESNET50, ORIGIN, 0.817, None, 256),
    PaperRow(*_RESNET50, RIVAL, 0.784, 0.453, 32),
    PaperRow(*_RESNET50, OURS, 0.796, 0.505, 16),
)

TABLE2: Sequence[PaperRow] = (
    PaperRow(*_RESNET20, OURS, None, 0.618, 16, 0.70, 0.211, "Block 2 (Conv3, Conv4)"),
    PaperRow(*_RESNET20, OURS, None, 0.632, 16, 0.75, 0.237, "Block 4 (Conv7, Conv8)"),
    PaperRow(*_RESNET20, OURS, None, 0.512, 16, 0.50, 0.076, "Block 6 (Conv11, Conv12)"),
    PaperRow(*_RESNET20, OURS, None, 0.483, 16, 0.50, 0.039, "Block 9 (Conv17, Conv18)"),
)

TABLE3: Sequence[PaperRow] = (
    PaperRow(*_RESNET20, "global", 0.891, 0.468, 32, 0.5, layers="Block 4"),
    PaperRow(*_RESNET20, "layer-wise", 0.898, 0.483, 32, 0.5, layers="Block 4"),
    PaperRow(*_RESNET20, "global", 0.820, 0.501, 16, 0.5, layers="Block 4"),
    PaperRow(*_RESNET20, "layer-wise", 0.894, 0.518, 16, 0.5, layers="Block 4"),
    PaperRow(*_RESNET20, "global", 0.863, 0.528, 32, 0.7, layers="Block 2"),
    PaperRow(*_RESNET20, "layer-wise", 0.886, 0.543, 32, 0.7, layers="Block 2"),
)

TABLE4: Sequence[PaperRow] = (
    PaperRow(*_RESNET20, "naive", 0.596, 0.593, 16),
    PaperRow(*_RESNET20, "naive", 0.896, 0.575, 20),
    PaperRow(*_RESNET20, "optimised", 0.894, 0.586, 16),
)

# The summary that we have of its abstract; of the whole text we know no more.
POWERPRUNING_HEADLINE = 0.783
POWERPRUNING_SAVES = Statement(
    "power selection, timing selection and voltage scaling save up to 78.3 % with a slight loss of accuracy",
    "arXiv 2303.13997, abstract",
)

SPREAD = Statement("substantial spread of the MAC power over weight values", "section 2, figure 1")
DISTANCE = Statement(
    "MAC power increases approximately monotonically with the Hamming distance", "section 3.1.1, figure 2a"
)
DIAGONAL = Statement(
    "transitions between partial sums with similar highest bits consume less", "section 3.1.1, figure 2b"
)
HIGH_BITS = Statement("transitions that involve higher highest bits show much higher power", "section 3.1.1, figure 2b")
LAYERS_DIFFER = Statement("activation transitions vary substantially between layers", "section 3.1.2, figure 3")
SPARSE = Statement("layers with ReLU exhibit high sparsity", "section 3.1, challenge 2")
TOGETHER = Statement(
    "pruning and weight sets each save energy; together they save substantially more", "section 5.3.2, figure 4"
)
