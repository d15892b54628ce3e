"""wattloop: from the gates of a MAC cell to a network that uses the weight values which cost little energy."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wattloop.compression.result import CompressionResult
    from wattloop.compression.run import compress
    from wattloop.gates.spec import ArraySpec, MacSpec
    from wattloop.nn.quantize import quantize

# Loaded on first use: `import wattloop` costs nothing, and specs work without torch.
_HOMES = {
    "ArraySpec": "wattloop.gates.spec",
    "CompressionResult": "wattloop.compression.result",
    "MacSpec": "wattloop.gates.spec",
    "compress": "wattloop.compression.run",
    "quantize": "wattloop.nn.quantize",
}

__all__ = ["ArraySpec", "CompressionResult", "MacSpec", "compress", "quantize"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'wattloop' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
