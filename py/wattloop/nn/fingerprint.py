"""What a quantised network computes beside its weights and scales, in one text: to tell an edited network from its own.

Constraints and training leave it as it is.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import fx, nn

from wattloop.nn.fixed_table import FixedTable
from wattloop.nn.float_part import FloatPart
from wattloop.nn.integer import conv_options
from wattloop.nn.layers import QuantLayer
from wattloop.nn.network import QuantizedNetwork
from wattloop.nn.ops import QuantTable
from wattloop.store import content_key


def fingerprint(network: QuantizedNetwork) -> str:
    """A content key of the program: its steps, their options, tables and floating-point parts."""
    steps = [(node, _step(network.module_of(node.name))) for node in network.program]
    return content_key("program", network.input_shape, steps, network.output, network.output_grid)


def _step(module: nn.Module) -> list[object]:
    options = {key: repr(value) for key, value in vars(module).items() if _is_option(key, value)}
    found: list[object] = [type(module).__name__, options, getattr(getattr(module, "norm", None), "eps", None)]
    if isinstance(module, QuantLayer):
        found.append(conv_options(module.module))
    if isinstance(module, QuantTable):
        found.append(_values(module))
    if isinstance(module, FixedTable):
        found.append(module.entries.tolist())
    if isinstance(module, FloatPart):
        found.append([_operation(module.body, node) for node in module.body.graph.nodes])
        found.append(_constants(module.body))
    return found


def _is_option(key: str, value: object) -> bool:
    return not key.startswith("_") and key not in ("training", "title") and not callable(value)


@torch.no_grad()
def _values(table: QuantTable) -> list[str]:
    """The function at some points; not to the last bits, which differ with the machine."""
    far = 2.0 ** torch.arange(3, 11, dtype=torch.float64)
    points = torch.cat([-far, torch.linspace(-8, 8, 129, dtype=torch.float64), far])
    return [f"{value:.6g}" for value in table.function(points.to(table.out_scale.device)).tolist()]


def _operation(body: fx.GraphModule, node: fx.Node) -> tuple[str, ...]:
    told = str(node.target) if isinstance(node.target, str) else getattr(node.target, "__name__", str(node.target))
    if node.op == "call_module":
        leaf = body.get_submodule(str(node.target))
        told += f" {type(leaf).__name__}({leaf.extra_repr()})"
    return node.op, told, str(node.args), str(node.kwargs)


def _constants(body: fx.GraphModule) -> dict[str, Any]:
    """Buffers that no file of weights holds."""
    kept = body.state_dict()
    return {name: str(buffer.tolist()) for name, buffer in body.named_buffers() if name not in kept}
