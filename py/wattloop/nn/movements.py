"""Operations that move levels about and leave them as they are: reshaping, transposing, indexing."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import fx, nn

from wattloop.nn.ops import Flatten, Permute, Reshape, Slice
from wattloop.nn.requests import Call, Kind, Request


def _moved(x: Any, module: nn.Module | None, problem: str = "", *, monotone: bool = True) -> Request:
    """The request; a `problem` counts only where no float part takes the movement over."""
    return Request(Kind.SAME_GRID, (x,), module, monotone=monotone, movable=True, problem=problem)


def _reshape(call: Call, x: Any, *args: Any, **kwargs: Any) -> Request:
    """Whatever keeps the elements in order and the images apart."""
    if not (call.keeps_images and call.traced.batched(x)):
        return _moved(x, None, "the images must stay apart, on axis 0, as in x.flatten(1) or x.view(x.size(0), -1)")
    shape = call.shape[1:]
    return _moved(x, Flatten() if len(shape) == 1 else Reshape(shape))


def flatten(call: Call, x: Any, start_dim: int = 0, end_dim: int = -1) -> Request:
    """`torch.flatten`."""
    return _reshape(call, x)


def _permuted(call: Call, x: Any, axes: Sequence[int]) -> Request:
    rank = len(call.sizes(x))
    order = tuple(axis % rank for axis in axes)
    keeps = order[0] == 0 and call.traced.batched(x)
    return _moved(x, Permute(order) if keeps else None, "" if keeps else "the images must stay on axis 0")


def _permute(call: Call, x: Any, *dims: Any) -> Request:
    return _permuted(call, x, dims[0] if len(dims) == 1 and isinstance(dims[0], Sequence) else dims)


def _transpose(call: Call, x: Any, first: int, second: int) -> Request:
    order = list(range(len(call.sizes(x))))
    order[first], order[second] = order[second], order[first]
    return _permuted(call, x, order)


def _getitem(call: Call, x: Any, index: Any) -> Request:
    if not call.traced.is_tensor(x):
        return _part(call, x, index)
    whole = _spelt_out(index if isinstance(index, tuple) else (index,), len(call.sizes(x)))
    plain = all(isinstance(i, slice | int) or i is None for i in whole)
    fine = plain and whole[0] == slice(None) and call.traced.batched(x) and not any(_computed(i) for i in whole)
    problem = "" if fine else "only slices and whole numbers, and not of the images' axis, are supported"
    return _moved(x, Slice(whole) if fine else None, problem)


def _spelt_out(index: tuple[Any, ...], rank: int) -> tuple[Any, ...]:
    """An index with whole axes in place of `...`."""
    places = [place for place, each in enumerate(index) if each is Ellipsis]
    if not places:
        return index
    taken = sum(each is not None and each is not Ellipsis for each in index)
    return (*index[: places[0]], *(slice(None),) * (rank - taken), *index[places[0] + 1 :])


def _computed(index: Any) -> bool:
    """Whether a slice's ends are no plain numbers: tensors, or the number of images."""
    ends = (index.start, index.stop, index.step) if isinstance(index, slice) else ()
    return not all(end is None or isinstance(end, int) for end in ends)


def _part(call: Call, x: fx.Node, index: int) -> Request:
    """One of the parts of a tensor that was cut into several."""
    source = next((each for each in x.all_input_nodes if call.traced.is_tensor(each)), None)
    name = getattr(x.target, "__name__", x.target)
    if name not in ("chunk", "split", "unbind") or not isinstance(source, fx.Node):
        return _moved(source, None, "only one of the parts that chunk, split and unbind give can be taken")
    sizes = call.sizes(source)
    axis = _axis(x, 0 if name == "unbind" else 1) % len(sizes)
    if axis == 0 or not call.traced.batched(source):
        return _moved(source, None, "the images must stay apart, on axis 0")
    if name == "unbind":
        return _moved(source, Slice((*(slice(None),) * axis, index)))
    lengths = [shape[axis] for shape in call.traced.parts(x)]
    start = sum(lengths[:index])
    return _moved(source, Slice((*(slice(None),) * axis, slice(start, start + lengths[index]))))


def _axis(node: fx.Node, place: int) -> int:
    """The axis that a tensor is cut along: after the tensor and, but for unbind, the sizes."""
    given = node.kwargs.get("dim", node.args[place + 1] if len(node.args) > place + 1 else 0)
    assert isinstance(given, int)
    return given


def _parts(call: Call, x: Any, *args: Any, **kwargs: Any) -> Request:
    """Several tensors: what reads them takes each as a part, or a float part takes all."""
    return Request(Kind.PARTS, (x,), movable=True)


_MAKERS: dict[str, Callable[..., Request]] = {
    "flatten": flatten,
    "reshape": _reshape,
    "squeeze": _reshape,
    "unflatten": _reshape,
    "unsqueeze": _reshape,
    "permute": _permute,
    "transpose": _transpose,
    "swapaxes": _transpose,
    "chunk": _parts,
    "split": _parts,
    "unbind": _parts,
}

MOVE_FUNCTIONS: dict[Any, Callable[..., Request]] = {
    **{getattr(torch, name): make for name, make in _MAKERS.items() if hasattr(torch, name)},
    operator.getitem: _getitem,
}

MOVE_METHODS: dict[str, Callable[..., Request]] = {**_MAKERS, "view": _reshape}
