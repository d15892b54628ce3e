"""What every weight costs in several MAC cells, for one layer of a network; about a minute.

    python examples/cells_compared.py [cells.png]

The same layer, activations and partial sums in each cell. The curves say which values a compression would keep, and the
figures how much a cell leaves to be saved: what the layer's own weights cost, against the 16 cheapest values.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from matplotlib import pyplot

from wattloop import (
    ArraySpec,
    CharacterizeSettings,
    HardwareSettings,
    MacSpec,
    Normalized,
    Simulator,
    TrainConfig,
    build_model,
    characterize,
    fit,
    load_dataset,
    quantize,
)

CELLS = {
    "array": MacSpec(),
    "Booth": MacSpec(multiplier="booth"),
    "sign-magnitude": MacSpec(multiplier="sign_magnitude"),
}
TRAINING = TrainConfig(epochs=5, batch_size=32, threads=1)
# The native engine with delays: glitches are a third of the array's energy and half of Booth's.
SAMPLING = CharacterizeSettings(simulator="bitparallel-timed", pairs=1000)


def main(
    picture: Path,
    cells: dict[str, MacSpec] = CELLS,
    training: TrainConfig = TRAINING,
    sampling: CharacterizeSettings = SAMPLING,
) -> dict[str, float]:
    """Print a line a cell and draw the curves; fJ per MAC cycle of the layer's own weights by cell."""
    digits = load_dataset("digits")
    model = Normalized(build_model("lenet5", digits.classes, digits.channels, seed=0), *digits.normalisation)
    fit(model, digits, training)
    network = quantize(model, digits.train.images[:256])
    weights = network.integer_weight("conv2").ravel()

    mean_fj = {}
    figure, axes = pyplot.subplots(figsize=(8, 4), layout="constrained")
    for name, mac in cells.items():
        simulator = Simulator(HardwareSettings(array=ArraySpec(mac=mac)), sampling)
        table = characterize(network, digits.train.images[:8], layers=["conv2"], simulator=simulator)["conv2"]
        mean_fj[name] = float(table.dynamic_fj[np.searchsorted(table.weights, weights)].mean())
        cheapest = np.sort(table.dynamic_fj)[:16].mean()
        print(
            f"{name}: {mean_fj[name]:.1f} fJ a cycle, {cheapest:.1f} fJ with the 16 cheapest values"
            f" (standard errors at most {table.worst_error:.1%})"
        )
        axes.plot(table.weights, table.dynamic_fj, label=name)
    axes.set(xlabel="weight", ylabel="dynamic energy, fJ per MAC cycle", ylim=(0, None))
    axes.legend(frameon=False)
    figure.savefig(picture, dpi=120)
    pyplot.close(figure)
    return mean_fj


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "cells.png"))
