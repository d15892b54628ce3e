"""The calls of the Python API that need a simulator: it is made with sensible settings where none is given."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from wattloop.compression.config import CompressConfig
from wattloop.flow.compression import judging, laying, mac_name, measuring, profilers
from wattloop.flow.estimation import traced, tracer
from wattloop.flow.measure_settings import MeasureSettings
from wattloop.flow.simulator import Simulator
from wattloop.flow.supply_settings import SupplySettings
from wattloop.flow.timed import timed_cell
from wattloop.flow.training import legal_weights
from wattloop.power.energy_table import EnergyTable
from wattloop.power.estimate import Estimate

if TYPE_CHECKING:
    from wattloop.arith.layer import LayerTrace
    from wattloop.compression.journal import Event
    from wattloop.compression.result import CompressionResult
    from wattloop.nn.datasets import Dataset
    from wattloop.nn.models import Normalized
    from wattloop.nn.network import QuantizedNetwork

# Raw pixels, uint8, shape (images, channels, height, width), or an iterable of (x, y) as `as_dataset` takes it.
Pixels = npt.NDArray[np.uint8]
Images = Pixels | Iterable[Any]


def characterize(
    network: QuantizedNetwork,
    images: Images,
    *,
    layers: Sequence[str] | None = None,
    simulator: Simulator | None = None,
) -> dict[str, EnergyTable]:
    """Energy of one MAC cycle for every weight value, layer by layer (paper section 3.1).

    Args:
        network: quantised.
        images: raw pixels, uint8, shape (images, channels, height, width), or any iterable of (x, y) as `as_dataset`
            takes it; their transitions are sampled.
        layers: names; None for all.
        simulator: hardware and sampling; None for the defaults.

    Returns:
        Tables by layer.

    Raises:
        ModelError: no such layer, or images of the wrong kind.
        OverflowRangeError: a layer does not fit the array's partial sums.
    """
    simulator = simulator or Simulator()
    network = _on_array(network, simulator)
    return dict(simulator.tables(_traced(network, _pixels(images), layers)).tables)


def estimate(
    network: QuantizedNetwork,
    images: Images,
    *,
    layers: Sequence[str] | None = None,
    simulator: Simulator | None = None,
) -> Estimate:
    """Energy of every layer per image, by table and by simulated tiles, with standard errors.

    How many tiles, or how precisely, is what `simulator.estimate` says; who simulates is `simulator.characterize`'s.

    Args, Raises: see `characterize`.
    """
    simulator = simulator or Simulator()
    pixels, network = _pixels(images), _on_array(network, simulator)
    trace = tracer(network, pixels, simulator.hardware.array.mac, layers)
    return simulator.estimated(*traced(trace, len(pixels), simulator.estimate.profiled))


def compress(  # noqa: PLR0913 - each is an independent choice of the user
    network: QuantizedNetwork,
    dataset: Dataset | Any,
    config: CompressConfig | None = None,
    *,
    simulator: Simulator | None = None,
    measure: MeasureSettings | None = None,
    supply: SupplySettings | None = None,
    on_event: Callable[[Event], None] = lambda event: None,
    resume: Path | None = None,
    teacher: Normalized | QuantizedNetwork | None = None,
) -> CompressionResult:
    """Compress a trained int8 network, by default layer by layer within an accuracy bound (paper section 4).

    Every decision rests on training and validation images; the test images are looked at at the end.

    Args:
        network: trained, quantised, without constraints; it is left alone.
        dataset: what it was trained on: a `Dataset`, or iterables of (x, y) as `as_dataset` takes them.
        config: settings, the methods among them; the defaults are the paper's.
        simulator: hardware and sampling; None for the defaults. Its tables and tiles steer the search.
        measure: what the figures before and after are measured on; None for all tiles of 16 test images.
        supply: how far the supply falls where a delay bound leaves slack; None for the defaults.
        on_event: told of every decision as it falls.
        resume: folder that keeps what was found out; a run that finds its own there goes on from it.
        teacher: what fine-tuning distils from as far as `config.distill_weight` says, raw pixels in and logits out,
            such as the float network in `Normalized`; None for `network` as it is.

    Returns:
        The result: the best network, and a row for every network that the methods offered; it saves and loads.

    Raises:
        ConfigError: an unknown method.
        ModelError: no layer in scope.
        StorageError: `resume` cannot be written.
    """
    from wattloop.compression import run
    from wattloop.nn.own_data import as_dataset

    dataset = as_dataset(dataset)
    simulator = simulator or Simulator()
    network = _on_array(network, simulator)
    settings = config or CompressConfig()
    timed = timed_cell(settings, simulator)
    priced = profilers(simulator, laying(settings), timed)
    return run.compress(
        network,
        dataset,
        priced,
        settings,
        measure=measuring(dataset, simulator, measure or MeasureSettings()),
        judge=judging(dataset, settings, timed, supply, measure),
        mac=mac_name(simulator.hardware),
        on_event=on_event,
        resume=None if resume is None else resume / run.run_key(network, dataset, settings, priced.facts, teacher),
        teacher=teacher,
        legal=legal_weights(simulator.hardware.array.mac),
        workers=simulator.workers,
    )


def _on_array(network: QuantizedNetwork, simulator: Simulator) -> QuantizedNetwork:
    """The network, sharing everything, as the simulator's array takes its activations."""
    laid = copy.copy(network)
    laid.suit_array(signed=simulator.hardware.array.mac.activation_signed)
    return laid


def _pixels(images: Images) -> Pixels:
    from wattloop.nn.own_data import images_of

    return images_of(images)


def _traced(
    network: QuantizedNetwork, images: npt.NDArray[np.uint8], layers: Sequence[str] | None
) -> Sequence[LayerTrace]:
    from wattloop.nn.trace import trace

    return trace(network, images, layers=layers)
