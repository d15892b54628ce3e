"""LeNet-5 on scikit-learn's digits, from float to compressed, in Python; about a minute.

    python examples/lenet5_digits.py [FOLDER]

Any `nn.Module` of convolutions, linear layers, batch norms, ReLU, pooling and residual additions takes LeNet-5's place.
"""

from __future__ import annotations

import sys
from pathlib import Path

from wattloop import (
    ArraySpec,
    CharacterizeSettings,
    CompressConfig,
    CompressionResult,
    EstimateSettings,
    HardwareSettings,
    Normalized,
    Simulator,
    TrainConfig,
    build_model,
    compress,
    estimate,
    fit,
    load_dataset,
    quantize,
)

TRAINING = TrainConfig(epochs=10, batch_size=32, threads=1)
FINE_TUNING = TrainConfig(epochs=2, batch_size=32, learning_rate=0.01, threads=1)
COMPRESSION = CompressConfig(ratios=(0.3, 0.5), set_sizes=(32, 16), batch_size=32, threads=1, tile_images=2)
SIMULATOR = Simulator(
    HardwareSettings(library="nangate15", array=ArraySpec(rows=64, cols=64)),
    CharacterizeSettings(simulator="verilator", pairs=1000),
    EstimateSettings(tiles=8),
)


def main(
    folder: Path,
    training: TrainConfig = TRAINING,
    compression: CompressConfig = COMPRESSION,
    simulator: Simulator = SIMULATOR,
) -> CompressionResult:
    """Train, quantise, estimate, compress; the result lies in `folder`."""
    digits = load_dataset("digits")
    model = Normalized(build_model("lenet5", digits.classes, digits.channels, seed=0), *digits.normalisation)
    fit(model, digits, training)
    network = quantize(model, digits.train.images[:256])
    fit(network, digits, FINE_TUNING)

    before = estimate(network, digits.test.images[:2], simulator=simulator)
    for layer in before.layers:
        by_table, by_tiles = layer.by_table.energy.dynamic_fj, layer.by_tiles.energy.dynamic_fj
        print(f"{layer.layer}: {by_table * 1e-6:.2f} nJ per image by table, {by_tiles * 1e-6:.2f} nJ by tiles")

    result = compress(network, digits, compression, simulator=simulator)
    result.save(folder)
    print(f"test accuracy {result.test_before.accuracy:.1%} -> {result.test_after.accuracy:.1%}")
    print(f"energy saved: {result.table_saving:.1%} by table, {result.tiles_saving or 0:.1%} by tiles")
    for layer in result.layers:
        print(f"{layer.layer}: {layer.values}")
    return CompressionResult.load(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "lenet5-digits"))
