"""Windows, strides and pads of ONNX nodes."""

from __future__ import annotations

from wattloop.errors import ModelError
from wattloop.nn.interchange.assembly import checked_shape
from wattloop.nn.interchange.reading import OnnxNode
from wattloop.nn.interchange.values import Shape

_LARGEST_IMAGE = 1 << 16


def pair_of(node: OnnxNode, name: str, default: tuple[int, int]) -> tuple[int, int]:
    """An attribute that has a number for the height and one for the width."""
    value = node.attributes.get(name, default)
    if len(value) != 2:
        raise ModelError(f"{node.title}: {name} {list(value)} is not for images")
    return _measures(node, value)


def pads_of(node: OnnxNode) -> tuple[int, int, int, int]:
    """Rows above, columns left, rows below, columns right.

    Raises:
        ModelError: padding that is not spelt out.
    """
    if node.attributes.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        raise ModelError(f"{node.title}: auto_pad is not supported; write the pads out")
    pads = node.attributes.get("pads", (0, 0, 0, 0))
    if len(pads) != 4:
        raise ModelError(f"{node.title}: pads {list(pads)} are not for images")
    top, left, bottom, right = pads
    return *_measures(node, (top, left)), *_measures(node, (bottom, right))


def _measures(node: OnnxNode, pair: tuple[int, int]) -> tuple[int, int]:
    """Two numbers that are no larger than images are."""
    first, second = int(pair[0]), int(pair[1])
    if not 0 <= min(first, second) <= max(first, second) <= _LARGEST_IMAGE:
        raise ModelError(f"{node.title}: {first} and {second} are no sizes, steps or pads of images")
    return first, second


def window_of(node: OnnxNode) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
    """Kernel, stride and padding of a pooling.

    Raises:
        ModelError: of a kind that there is none of here.
    """
    if "kernel_shape" not in node.attributes or node.attributes.get("ceil_mode", 0):
        raise ModelError(f"{node.title}: ceil_mode is not supported")
    top, left, bottom, right = pads_of(node)
    if (top, left) != (bottom, right):
        raise ModelError(f"{node.title}: padding that differs between two sides is not supported")
    return pair_of(node, "kernel_shape", (1, 1)), pair_of(node, "strides", (1, 1)), (top, left)


def pooled(
    node: OnnxNode,
    shape: Shape,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
    dilation: tuple[int, int],
) -> Shape:
    """Shape after windows of a geometry.

    Raises:
        ModelError: there is no such geometry.
    """
    if (
        min(*kernel, *stride, *dilation) < 1
        or min(padding) < 0
        or any(2 * p > k for p, k in zip(padding, kernel, strict=True))
    ):
        raise ModelError(f"{node.title}: windows {kernel}, stride {stride}, padding {padding}, dilation {dilation}")
    axes = zip(shape[2:], kernel, stride, padding, dilation, strict=True)
    out = tuple((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in axes)
    return checked_shape((*shape[:2], *(max(0, n) for n in out)), node)
