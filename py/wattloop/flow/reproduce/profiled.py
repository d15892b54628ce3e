"""What figures 1 to 3 look at: some layers of an int8 network on training images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from wattloop.arith.layer import LayerTrace
from wattloop.arith.representable import fitted
from wattloop.errors import ModelError
from wattloop.flow.inputs import check_inputs
from wattloop.flow.models import Models
from wattloop.flow.progress import Progress
from wattloop.flow.settings import Settings
from wattloop.flow.training import trained_network
from wattloop.runs import Run
from wattloop.store import Store

if TYPE_CHECKING:
    from wattloop.nn.network import QuantizedNetwork


def profiled(settings: Settings, run: Run, store: Store, progress: Progress) -> list[LayerTrace]:
    """Traces of the layers on `characterize.images` training images, as the cell takes them.

    Raises:
        ModelError: no such layer.
    """
    from wattloop.nn.trace import trace

    settings = _with_checkpoint(settings)
    check_inputs(settings, progress)
    trained = trained_network(settings, store=store, progress=progress)
    layers = chosen_layers(trained.network, settings.reproduce.layers)
    images = trained.dataset.train.images[: settings.characterize.images]
    run.facts |= _facts(settings, trained.key, layers, len(images))
    return [fitted(seen, settings.hardware.array.mac).trace for seen in trace(trained.network, images, layers=layers)]


def _with_checkpoint(settings: Settings) -> Settings:
    """With the committed int8 network, where those are asked for."""
    if not settings.reproduce.from_models:
        return settings
    models = Models.open(Path(settings.reproduce.models))
    entry = models.baseline(settings.network.model, settings.network.dataset)
    return replace(settings, network=replace(settings.network, checkpoint=str(models.folder / entry.file)))


def chosen_layers(network: QuantizedNetwork, names: Sequence[str]) -> list[str]:
    """The layers of these names; the first two convolutions where there are none.

    Raises:
        ModelError: no such layer; the message lists them.
    """
    known = network.layers
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ModelError(f"the network has no layer {', '.join(unknown)}; it has {', '.join(known)}")
    convolutions = [name for name, layer in known.items() if layer.kind == "conv"] or list(known)
    return list(names) or convolutions[:2]


def _facts(settings: Settings, key: str, layers: Sequence[str], images: int) -> Mapping[str, str]:
    hardware = settings.hardware
    return {
        "network": f"{settings.network.title} on {settings.network.dataset_title}",
        "network key": key,
        "layers": ", ".join(layers),
        "training images": str(images),
        "array": f"{hardware.array.rows}x{hardware.array.cols}, {hardware.array.pixels} pixels",
        "library": hardware.library,
        "clock_ps": f"{hardware.clock_ps:g}",
        "load convention": hardware.load,
    }


def simulated_by(settings: Settings) -> Settings:
    """The settings with `reproduce.simulator` for the tables, too."""
    return replace(settings, characterize=replace(settings.characterize, simulator=settings.reproduce.simulator))
