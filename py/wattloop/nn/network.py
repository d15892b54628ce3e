"""The quantised network: a program of layers and operations on integer levels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from wattloop.arith.layer import Int8
from wattloop.errors import ModelError
from wattloop.nn.architecture import Origin
from wattloop.nn.float_part import FloatPart
from wattloop.nn.layers import QuantLayer
from wattloop.nn.ops import Requantizing

INPUT = "input"

Normalisation = tuple[tuple[float, ...], tuple[float, ...]]


@dataclass(frozen=True)
class Node:
    """One step of the program.

    Attributes:
        name: of the layer or operation; layers keep their dotted module name.
        inputs: names of the nodes it reads ("input" for the pixels).
        grids: for each input, the node on whose grid of levels it lies.
    """

    name: str
    inputs: tuple[str, ...]
    grids: tuple[str, ...]


class QuantizedNetwork(nn.Module):
    """int8 weights, 8-bit activations, raw pixels in; trainable by straight-through gradients.

    Made by `wattloop.nn.quantize.quantize`. `forward` takes uint8 pixels and gives real logits.

    Attributes:
        program: the steps in order.
        output: name of the node whose value is the network's.
        output_grid: name of the node whose grid the output lies on.
        input_shape: (channels, height, width).
        normalisation: (mean, std) per channel of pixels / 255 that the float network was trained on, or None.
        array_signed: the array takes int8 activations (uint8 if False), and levels of the other sign enter it moved by
            128; None where each layer has an array of its own sign. What the network computes does not depend on it.
        architecture: where it comes from, if that was `models.build`, `models.build_own` or an import.
    """

    def __init__(
        self,
        program: tuple[Node, ...],
        modules: Mapping[str, nn.Module],
        output: tuple[str, str],
        input_shape: tuple[int, int, int],
        normalisation: Normalisation | None,
        architecture: Origin | None,
    ) -> None:
        super().__init__()
        self.program, (self.output, self.output_grid) = program, output
        self.input_shape, self.normalisation, self.architecture = input_shape, normalisation, architecture
        self.array_signed: bool | None = None
        self.net, self.ops = nn.Module(), nn.ModuleDict()
        for name, module in modules.items():
            if isinstance(module, QuantLayer):
                _place(self.net, name, module)
            else:
                self.ops[name] = module
        self._last_use = {source: i for i, node in enumerate(program) for source in node.inputs}

    def module_of(self, name: str) -> nn.Module:
        """The module of a node of the program."""
        return self.ops[name] if name in self.ops else self.net.get_submodule(name)

    @property
    def layers(self) -> dict[str, QuantLayer]:
        """Convolutions and linear layers by dotted name, in the order of the program."""
        found = ((node.name, self.module_of(node.name)) for node in self.program if node.name not in self.ops)
        return {name: module for name, module in found if isinstance(module, QuantLayer)}

    @property
    def float_parts(self) -> dict[str, str]:
        """What is computed in floating point between the layers, by node: where it is and which operations."""
        return {name: module.title for name, module in self.ops.items() if isinstance(module, FloatPart)}

    def layer(self, name: str) -> QuantLayer:
        """One layer.

        Raises:
            ModelError: there is none of that name; the message lists them.
        """
        layers = self.layers
        if name not in layers:
            raise ModelError(f"no layer {name!r} in this network; layers: {', '.join(layers)}")
        return layers[name]

    def suit_array(self, *, signed: bool) -> None:
        """Lay a network whose layers read levels of both signs onto an array of one; others stay as they are.

        Args:
            signed: the array takes int8 activations, else uint8.
        """
        mixed = len({layer.in_signed for layer in self.layers.values()}) > 1
        self.array_signed = signed if mixed else None

    def array_offset(self, name: str) -> int:
        """What is added to the levels that a layer reads before they enter the array: 128, -128 or 0.

        The bias takes it back, as it does for the level that stands for a normalised pixel of 0.
        """
        signed = self.layer(name).in_signed
        return 0 if self.array_signed in (None, signed) else 128 if signed else -128

    def integer_weight(self, name: str) -> Int8:
        """int8 weights of a layer as the hardware sees them, shape (out_channels, reduction)."""
        return self.layer(name).integer_weight()

    @torch.no_grad()
    def set_integer_weight(self, name: str, weight: Int8) -> None:
        """Overwrite a layer's latent weights with `weight` levels, shape (out_channels, reduction)."""
        layer = self.layer(name)
        levels = torch.from_numpy(np.asarray(weight, np.float32)).to(layer.latent.device)
        layer.latent.copy_(levels.reshape(layer.latent.shape) * layer.weight_scale.to(torch.float32))

    def weight_scale(self, name: str) -> float:
        """Real value of one weight level of a layer."""
        return float(self.layer(name).weight_scale)

    @property
    def output_scale(self) -> float:
        """Real value of one unit of the integer output."""
        if self.output_grid == INPUT:
            return self.input_scale
        return float(self.module_of(self.output_grid).out_scale)  # type: ignore[arg-type]

    @property
    def input_scale(self) -> float:
        """Real value of one pixel level: 1 / (255 * mean std)."""
        return input_scale(self.normalisation)

    def forward(self, images: Tensor) -> Tensor:
        """Real logits of raw pixels (uint8, or levels as floats), shape (images, channels, height, width)."""
        return self.forward_levels(images).to(torch.float32) * self.output_scale

    def forward_levels(self, images: Tensor, tap: Callable[[str, Tensor], None] | None = None) -> Tensor:
        """The output in levels: integers in evaluation mode, held as floats.

        Args:
            images: as `forward`.
            tap: called with each layer's name and its input levels as the array sees them.
        """
        values = {INPUT: images.to(torch.float32, memory_format=torch.channels_last)}
        for i, node in enumerate(self.program):
            inputs = [values[name] for name in node.inputs]
            module = self.module_of(node.name)
            if tap is not None and isinstance(module, QuantLayer):
                tap(node.name, module.array_levels(inputs[0]))
            values[node.name] = module(*inputs)
            for name in node.inputs:
                if self._last_use[name] == i and name != self.output:
                    values.pop(name, None)
        return values[self.output]

    @torch.no_grad()
    def set_scales(self, scales: Mapping[str, float]) -> None:
        """Write the scale of every node's grid into the modules on both its sides."""
        scales = {INPUT: self.input_scale, **scales}
        for node in self.program:
            module = self.module_of(node.name)
            if isinstance(module, QuantLayer):
                module.in_scale.fill_(scales[node.grids[0]])
                module.out_scale.fill_(
                    float(module.in_scale * module.weight_scale) if module.wide else scales[node.name]
                )
            elif isinstance(module, Requantizing):
                module.in_scales.copy_(torch.tensor([scales[g] for g in node.grids], dtype=torch.float64))
                module.out_scale.fill_(scales[node.name])


def input_scale(normalisation: Normalisation | None) -> float:
    """Real value of one pixel level for pixels normalised by (mean, std)."""
    std = 1.0 if normalisation is None else sum(normalisation[1]) / len(normalisation[1])
    return 1.0 / (255.0 * std)


def _place(root: nn.Module, name: str, module: nn.Module) -> None:
    """Register `module` under a dotted name, with empty modules on the way."""
    *path, last = name.split(".")
    for part in path:
        if not hasattr(root, part):
            root.add_module(part, nn.Module())
        root = root.get_submodule(part)
    root.add_module(last, module)
