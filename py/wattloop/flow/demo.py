"""The main job from end to end: gates, energy by weight value, a trained network, its compression, a report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from wattloop import resources
from wattloop.flow.characterization import characterized_layers
from wattloop.flow.compression import compress_flow
from wattloop.flow.inputs import check_inputs
from wattloop.flow.progress import SILENT, Progress
from wattloop.flow.settings import Settings
from wattloop.flow.simulator import Simulator
from wattloop.flow.training import keep_trained, trained_network
from wattloop.runs import Run
from wattloop.store import Store

if TYPE_CHECKING:
    from wattloop.compression.result import CompressionResult


def demo_config() -> Path:
    """The settings that come with wattloop: LeNet-5 on scikit-learn's digits."""
    return resources.folder("sim") / "configs" / "demo.toml"


def demo_flow(
    settings: Settings, run: Run, *, store: Store | None = None, progress: Progress = SILENT
) -> CompressionResult:
    """Synthesise, train, characterise every layer in scope, compress and report, all in one run.

    The run gets the int8 network, statistics of its layers and their tables of energy by weight value, `compression/`
    and the report.
    """
    from wattloop.nn.trace import trace

    check_inputs(settings, progress)
    simulator = Simulator.of(settings, store=store, progress=progress)
    run.facts |= simulator.cell.facts
    keep_trained(settings, run, store=store, progress=progress)
    trained = trained_network(settings, store=store, progress=progress)
    layers = [n for n, q in trained.network.layers.items() if settings.compress.scope == "all" or q.kind == "conv"]
    images = trained.dataset.train.images[: settings.compress.profile_images]
    characterized_layers(simulator, trace(trained.network, images, layers=layers), run)
    return compress_flow(settings, run, store=store, progress=progress)
