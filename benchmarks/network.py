"""What the benchmarks here share: a network on its test images, and a simulator for it."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from wattloop.arith.layer import LayerTrace
from wattloop.cli.progress import ConsoleProgress
from wattloop.flow.estimation import tracer
from wattloop.flow.settings import Settings, load
from wattloop.flow.simulator import Simulator
from wattloop.flow.training import trained_network
from wattloop.power.survey import TracedNetwork

Trace = Callable[[Sequence[int]], list[LayerTrace]]


def arguments(description: str) -> argparse.ArgumentParser:
    """Options that name the network."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--config", type=Path, default=Path("sim/configs/resnet20_cifar10.toml"))
    parser.add_argument("--data-root", type=Path, required=True, help="folder with the data set's archive")
    parser.add_argument("--weights", type=Path, help="float weights, as others saved them")
    parser.add_argument("--json", type=Path, help="file for the figures")
    return parser


def settings_of(given: argparse.Namespace) -> Settings:
    """Settings of the options; `estimate.simulator` simulates."""
    named = {"network.data_root": str(given.data_root)}
    if given.weights is not None:
        named["network.initial_weights"] = str(given.weights)
    settings = load(given.config, named)
    return replace(settings, characterize=replace(settings.characterize, simulator=settings.estimate.simulator))


def simulator_of(settings: Settings) -> Simulator:
    """The simulator, with its cell synthesised."""
    simulator = Simulator.of(settings, progress=ConsoleProgress())
    _ = simulator.cell
    return simulator


def network_of(settings: Settings, images: int, layers: Sequence[str] | None = None) -> TracedNetwork:
    """Layers of the network (all of them by default), traced on the first test images."""
    trained = trained_network(settings, progress=ConsoleProgress())
    trace = tracer(trained.network, trained.dataset.test.images[:images], settings.hardware.array.mac, layers)
    return TracedNetwork.of(trace(range(images)))
