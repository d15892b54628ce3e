"""An ONNX graph as it grows: nodes, constants, names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from wattloop.errors import ModelError
from wattloop.nn.interchange.library import onnx

OPSET, IR_VERSION = 17, 8


class GraphWriter:
    """Collects the nodes and constants of one graph; every name is given once."""

    def __init__(self) -> None:
        self._helper, self._numpy, self._types = onnx().helper, onnx().numpy_helper, onnx().TensorProto
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}
        self._names: set[str] = set()

    @property
    def int32(self) -> Any:
        """ONNX's name of the type, for casts."""
        return self._types.INT32

    def named(self, name: str) -> str:
        """`name`, or the first free one that begins with it."""
        free, number = name, 1
        while free in self._names:
            number += 1
            free = f"{name}_{number}"
        self._names.add(free)
        return free

    def constant(self, name: str, value: npt.ArrayLike, dtype: npt.DTypeLike) -> str:
        """Name of an initialiser that holds `value`."""
        array = np.asarray(value, dtype)
        free = self.named(name)
        self._constants[free] = self._numpy.from_array(array, free)
        return free

    def node(self, operator: str, inputs: list[str], name: str, **attributes: Any) -> str:
        """Append a node with one output; returns the output's name, `name` or a free one like it."""
        free = self.named(name)
        self._nodes.append(self._helper.make_node(operator, inputs, [free], name=f"{free}/{operator}", **attributes))
        return free

    def dequantize(
        self,
        levels: str,
        scale: npt.ArrayLike,
        zero: npt.ArrayLike,
        dtype: npt.DTypeLike,
        *,
        axis: int = 1,
        name: str | None = None,
    ) -> str:
        """Real values of integer levels: scale * (level - zero); vectors run along `axis`."""
        grid = self._grid(levels, scale, zero, dtype)
        return self.node("DequantizeLinear", [levels, *grid], name or f"{levels}/real", axis=axis)

    def quantize(self, real: str, scale: float, zero: int, dtype: npt.DTypeLike, name: str) -> str:
        """Levels of real values: value / scale + zero, rounded half to even and clamped to the type."""
        return self.node("QuantizeLinear", [real, *self._grid(name, scale, zero, dtype)], name)

    def _grid(self, name: str, scale: npt.ArrayLike, zero: npt.ArrayLike, dtype: npt.DTypeLike) -> list[str]:
        scales = np.asarray(scale, np.float32)
        zeros = np.broadcast_to(np.asarray(zero), scales.shape)
        return [self.constant(f"{name}/scale", scales, np.float32), self.constant(f"{name}/zero", zeros, dtype)]

    def model(
        self,
        inputs: tuple[str, tuple[int, ...]],
        output: tuple[str, int],
        metadata: Mapping[str, str],
        version: str,
    ) -> Any:
        """The checked model.

        Args:
            inputs: name and shape of one image of uint8.
            output: name and rank of the float32 output.
            metadata: notes.
            version: of the producer, wattloop.

        Raises:
            ModelError: onnx finds it at fault.
        """
        value, make = self._helper.make_tensor_value_info, self._helper
        image = value(inputs[0], self._types.UINT8, ["images", *inputs[1]])
        result = value(output[0], self._types.FLOAT, ["images", *(f"axis{i}" for i in range(1, output[1]))])
        graph = make.make_graph(self._nodes, "wattloop", [image], [result], list(self._constants.values()))
        model = make.make_model(
            graph,
            producer_name="wattloop",
            producer_version=version,
            opset_imports=[make.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
        )
        make.set_model_props(model, dict(metadata))
        try:
            onnx().checker.check_model(model, full_check=True)
        except Exception as error:  # checker and shape inference have several errors without a common base
            raise ModelError(f"onnx refuses the exported model: {str(error).splitlines()[0]}") from error
        return model
