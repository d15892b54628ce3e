"""wattloop: from the gates of a MAC cell to a network that uses the weight values which cost little energy."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wattloop.compression.config import CompressConfig
    from wattloop.compression.result import CompressionResult
    from wattloop.flow.api import characterize, compress, estimate
    from wattloop.flow.measure_settings import MeasureSettings
    from wattloop.flow.settings import CharacterizeSettings, EstimateSettings, HardwareSettings
    from wattloop.flow.simulator import Simulator
    from wattloop.flow.supply_settings import SupplySettings
    from wattloop.gates.spec import ArraySpec, MacSpec
    from wattloop.nn.config import TrainConfig
    from wattloop.nn.datasets import Dataset, Split, load
    from wattloop.nn.interchange.onnx_export import save_onnx
    from wattloop.nn.interchange.onnx_import import load_onnx
    from wattloop.nn.models import Normalized, build, build_own
    from wattloop.nn.own_data import as_dataset
    from wattloop.nn.quantize import quantize
    from wattloop.nn.train import fit
    from wattloop.own.cell import OwnMac, OwnPorts
    from wattloop.power.estimate import Estimate

    build_model = build
    build_own_model = build_own
    load_dataset = load

# Loaded on first use: `import wattloop` costs nothing, and specs work without torch.
_HOMES = {
    "ArraySpec": "wattloop.gates.spec",
    "CharacterizeSettings": "wattloop.flow.settings",
    "CompressConfig": "wattloop.compression.config",
    "CompressionResult": "wattloop.compression.result",
    "Dataset": "wattloop.nn.datasets",
    "Estimate": "wattloop.power.estimate",
    "EstimateSettings": "wattloop.flow.settings",
    "HardwareSettings": "wattloop.flow.settings",
    "MeasureSettings": "wattloop.flow.measure_settings",
    "MacSpec": "wattloop.gates.spec",
    "Normalized": "wattloop.nn.models",
    "OwnMac": "wattloop.own.cell",
    "OwnPorts": "wattloop.own.cell",
    "Simulator": "wattloop.flow.simulator",
    "Split": "wattloop.nn.datasets",
    "SupplySettings": "wattloop.flow.supply_settings",
    "TrainConfig": "wattloop.nn.config",
    "as_dataset": "wattloop.nn.own_data",
    "build_model": "wattloop.nn.models:build",
    "build_own_model": "wattloop.nn.models:build_own",
    "characterize": "wattloop.flow.api",
    "compress": "wattloop.flow.api",
    "estimate": "wattloop.flow.api",
    "fit": "wattloop.nn.train",
    "load_dataset": "wattloop.nn.datasets:load",
    "load_onnx": "wattloop.nn.interchange.onnx_import",
    "quantize": "wattloop.nn.quantize",
    "save_onnx": "wattloop.nn.interchange.onnx_export",
}

__all__ = [
    "ArraySpec",
    "CharacterizeSettings",
    "CompressConfig",
    "CompressionResult",
    "Dataset",
    "Estimate",
    "EstimateSettings",
    "HardwareSettings",
    "MacSpec",
    "MeasureSettings",
    "Normalized",
    "OwnMac",
    "OwnPorts",
    "Simulator",
    "Split",
    "SupplySettings",
    "TrainConfig",
    "as_dataset",
    "build_model",
    "build_own_model",
    "characterize",
    "compress",
    "estimate",
    "fit",
    "load_dataset",
    "load_onnx",
    "quantize",
    "save_onnx",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'wattloop' has no attribute {name!r}")
    module, _, attribute = _HOMES[name].partition(":")
    return getattr(importlib.import_module(module), attribute or name)


def __dir__() -> list[str]:
    return __all__
