"""The program of a quantised network as plain data, and the network from it: for networks that no class here builds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from wattloop.errors import ModelError
from wattloop.nn.architecture import ImportedArchitecture
from wattloop.nn.fixed_norm import FixedNorm
from wattloop.nn.fixed_table import FixedTable
from wattloop.nn.grid import Activation
from wattloop.nn.integer import conv_options
from wattloop.nn.layers import QuantLayer
from wattloop.nn.network import INPUT, Node, Normalisation, QuantizedNetwork
from wattloop.nn.ops import (
    Flatten,
    MaxPool,
    Pad,
    Permute,
    QuantAdd,
    QuantAvgPool,
    QuantConcat,
    QuantMul,
    QuantRescale,
    QuantTable,
    Reshape,
    Slice,
)

# Kind of a step -> its class and the arguments of its constructor, which are attributes of the same name.
_STEPS: dict[str, tuple[type[nn.Module], tuple[str, ...]]] = {
    "add": (QuantAdd, ("activation",)),
    "multiply": (QuantMul, ("activation",)),
    "concatenation": (QuantConcat, ("activation", "parts", "axis")),
    "average pool": (QuantAvgPool, ("activation", "kernel", "stride", "padding", "divisor")),
    "rescale": (QuantRescale, ("activation",)),
    "table": (FixedTable, ("title", "activation", "in_signed")),
    "max pool": (MaxPool, ("kernel", "stride", "padding", "dilation")),
    "flatten": (Flatten, ()),
    "reshape": (Reshape, ("shape",)),
    "permute": (Permute, ("axes",)),
    "slice": (Slice, ("index",)),
    "pad": (Pad, ("amounts",)),
}
# A function that came with its formula is told by its levels too.
_KINDS: dict[type[nn.Module], str] = {made: kind for kind, (made, _) in _STEPS.items()} | {QuantTable: "table"}
_MOST_PARTS = 1 << 10  # of a concatenation
_CONV = ("stride", "padding", "dilation", "groups")


def describe(network: QuantizedNetwork) -> dict[str, Any]:
    """The steps of a network as lists, texts and numbers; weights and scales are not among them.

    Raises:
        ModelError: a step of another kind.
    """
    nodes = [
        {"name": node.name, "inputs": list(node.inputs), "grids": list(node.grids)}
        | _described(node.name, network.module_of(node.name))
        for node in network.program
    ]
    return {"nodes": nodes, "output": [network.output, network.output_grid]}


def _described(name: str, module: nn.Module) -> dict[str, Any]:
    if isinstance(module, QuantLayer):
        options = conv_options(module.module)
        shape = {} if options is None else dict(zip(_CONV, _plain(options[1:]), strict=True))
        kept = {"activation": _plain(module.activation), "in_signed": module.in_signed, "wide": module.wide}
        return {"kind": module.kind} | shape | kept
    kind = _KINDS.get(type(module))
    if isinstance(module, Pad) and module.zero is not None:
        raise ModelError(f"{name}: padding of normalised pixels has no description")
    if isinstance(module, Slice) and not all(isinstance(part, slice) for part in module.index):
        raise ModelError(f"{name}: an index other than a slice for each axis has no description")
    if kind is None:
        raise ModelError(f"{name}: a {type(module).__name__} has no description")
    return {"kind": kind} | {field: _plain(getattr(module, field)) for field in _STEPS[kind][1]}


def _plain(value: Any) -> Any:
    if isinstance(value, Activation):
        return [value.relu, value.limit]
    if isinstance(value, slice):
        return [value.start, value.stop, value.step]
    return [_plain(part) for part in value] if isinstance(value, tuple) else value


def network_of(
    architecture: ImportedArchitecture,
    tensors: Mapping[str, Tensor],
    input_shape: tuple[int, int, int],
    normalisation: Normalisation | None,
) -> QuantizedNetwork:
    """The network that `describe` told of, without its weights and scales.

    Args:
        architecture: with the steps.
        tensors: the network's state, which the shapes of the weights are taken from.
        input_shape: (channels, height, width).
        normalisation: of the pixels.

    Raises:
        ModelError: the description is damaged, or does not fit the tensors.
    """
    program = architecture.program
    try:
        nodes = tuple(_node(told) for told in program["nodes"])
        modules = {str(told["name"]): _module(told, tensors) for told in program["nodes"]}
        output = (str(program["output"][0]), str(program["output"][1]))
        check_names(nodes, modules, output)
        return QuantizedNetwork(nodes, modules, output, input_shape, normalisation, architecture).eval()
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise ModelError(f"the description of the network's steps is damaged: {error}") from error


def check_names(nodes: tuple[Node, ...], modules: Mapping[str, nn.Module], output: tuple[str, str]) -> None:
    """Refuse steps that read what is not there, and names that would hide one another.

    Raises:
        ValueError: says which.
    """
    known = {INPUT}
    for node in nodes:
        if node.name in known or not set(node.inputs) | set(node.grids) <= known or not node.inputs:
            raise ValueError(f"step {node.name!r} is there twice or reads what comes later")
        known.add(node.name)
    if not set(output) <= known:
        raise ValueError(f"the output {output} is no step")
    layers = {name for name, module in modules.items() if isinstance(module, QuantLayer)}
    inside = [name for name in layers for other in layers if name.startswith(f"{other}.")]
    if inside:
        raise ValueError(f"layer {inside[0]!r} lies inside another one")


def _node(told: Mapping[str, Any]) -> Node:
    return Node(str(told["name"]), tuple(map(str, told["inputs"])), tuple(map(str, told["grids"])))


def _module(told: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> nn.Module:
    if told["kind"] not in ("conv", "linear"):
        made, fields = _STEPS[told["kind"]]
        return made(**{field: _READ[field](told[field]) for field in fields})
    prefix = f"net.{told['name']}."
    weight = tensors.get(f"{prefix}module.weight", tensors.get(f"{prefix}module.parametrizations.weight.original"))
    if weight is None:
        raise ValueError(f"no weights of {told['name']}")
    if told["kind"] == "linear":
        inner: nn.Conv2d | nn.Linear = bare_linear(tuple(weight.shape))
    else:
        inner = bare_conv(tuple(weight.shape), *(_READ[field](told[field]) for field in _CONV))
    signed, wide = bool(told["in_signed"]), bool(told["wide"])
    norm = FixedNorm(weight.shape[0], last=told["kind"] == "linear")
    layer = QuantLayer(inner, norm, _activation(told["activation"]), in_signed=signed, wide=wide)
    zero = tensors.get(f"{prefix}in_zero")
    layer.in_zero = None if zero is None else torch.zeros_like(zero)
    return layer


def bare_conv(
    shape: tuple[int, ...], stride: tuple[int, int], padding: tuple[int, int], dilation: tuple[int, int], groups: int
) -> nn.Conv2d:
    """A convolution without bias for weights of `shape` (out, in / groups, height, width), not yet filled in."""
    out, per_group, height, width = shape
    if groups < 1 or min(*stride, *dilation) < 1 or min(padding) < 0:
        raise ValueError(f"a convolution with stride {stride}, padding {padding}, dilation {dilation}, {groups} groups")
    sizes = {"in_channels": per_group * groups, "out_channels": out, "kernel_size": (height, width)}
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups, "bias": False}
    made = nn.utils.skip_init(nn.Conv2d, **sizes, **options)  # type: ignore[no-untyped-call]
    assert isinstance(made, nn.Conv2d)
    return made


def bare_linear(shape: tuple[int, ...]) -> nn.Linear:
    """A linear layer without bias for weights of `shape` (out, in), not yet filled in."""
    out, features = shape
    made = nn.utils.skip_init(nn.Linear, features, out, bias=False)  # type: ignore[no-untyped-call]
    assert isinstance(made, nn.Linear)
    return made


def _pair(value: Any) -> tuple[int, int]:
    first, second = value
    return int(first), int(second)


def _activation(value: Any) -> Activation:
    relu, limit = value
    return Activation(bool(relu), None if limit is None else float(limit))


def _index(value: Any) -> tuple[slice, ...]:
    return tuple(slice(*(None if end is None else int(end) for end in part)) for part in value)


def _numbers(value: Any) -> tuple[int, ...]:
    return tuple(int(number) for number in value)


def _parts(value: Any) -> int:
    if not 0 < int(value) <= _MOST_PARTS:
        raise ValueError(f"a concatenation of {value} tensors")
    return int(value)


_READ: dict[str, Callable[[Any], Any]] = {
    "activation": _activation,
    "amounts": _numbers,
    "axes": _numbers,
    "axis": int,
    "dilation": _pair,
    "divisor": int,
    "groups": int,
    "in_signed": bool,
    "index": _index,
    "kernel": _pair,
    "padding": _pair,
    "parts": _parts,
    "shape": _numbers,
    "stride": _pair,
    "title": str,
}
