"""The optional package `onnx`, imported when a file is written or read and not before."""

from __future__ import annotations

from typing import Any

from wattloop.errors import ToolError

METADATA = "wattloop"  # key of our notes in a model's metadata


def onnx() -> Any:
    """The package.

    Raises:
        ToolError: it is not installed.
    """
    try:
        import onnx as package
        import onnx.checker
        import onnx.helper
        import onnx.numpy_helper
    except ImportError as error:
        raise ToolError(f"ONNX files need a package that is missing ({error}): pip install 'wattloop[onnx]'") from error
    return package
