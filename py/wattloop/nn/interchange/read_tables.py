"""Tables (Gather) in an ONNX graph: functions of levels, and codes that the inputs of a layer are held to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from wattloop.errors import ModelError
from wattloop.nn.codes import AllowedCodes
from wattloop.nn.interchange.assembly import Assembly
from wattloop.nn.interchange.reading import Array, OnnxNode
from wattloop.nn.interchange.values import Curve, Index, Levels, Looked, Values

_INDEX_TYPES = (6, 7)  # ONNX's numbers of int32 and int64


def read_cast(node: OnnxNode, values: Values, work: Assembly) -> Index:
    """The cast of levels that a table is read with."""
    if not isinstance(values[0], Levels) or node.attributes.get("to") not in _INDEX_TYPES:
        raise ModelError(f"{node.title}: only levels on their way to a table (Gather) are cast")
    return Index(values[0])


def read_table(node: OnnxNode, values: Values, work: Assembly) -> Levels | Looked:
    """A table of 256 codes that levels go through."""
    table, index = values[:2]
    once = isinstance(index, Index) and index.levels.codes is None and not node.attributes.get("axis", 0)
    if not once or not isinstance(table, np.ndarray) or table.shape != (256,) or table.dtype not in (np.uint8, np.int8):
        raise ModelError(f"{node.title}: only a table of 256 codes that levels go through is supported")
    assert isinstance(index, Index)
    levels = index.levels
    # What is stored counts from 0, and int8 from the end of the table.
    looked = Looked(levels, table[_stored(levels) % 256], node)
    if levels.raw:
        return _held(looked)
    told = work.table_told(node)
    return looked if told is None else made_step(looked, *told, work)


def _stored(levels: Levels) -> Array:
    """What a tensor holds for each level, from the least on."""
    low = -128 if levels.signed else 0
    return np.arange(low, low + 256) + levels.offset


def _held(looked: Looked) -> Levels:
    """Levels that a table takes to others of their own grid."""
    levels = looked.levels
    low, held = -128 if levels.signed else 0, looked.stored.astype(np.int16) - levels.offset
    if held.min() < low or held.max() > low + 255:
        raise ModelError(f"{looked.node.title}: a table that leaves the range of the levels")
    return replace(levels, codes=held.astype(np.int8 if levels.signed else np.uint8))


def on_grid(looked: Looked, scale: float, zero: int, work: Assembly) -> Levels:
    """What a table gives, once DequantizeLinear tells its zero.

    A table that takes each code to the nearest one of its own values restricts the inputs of a layer; any other one is
    a function.
    """
    known = work.tables.get(looked.node.outputs[0])
    if known is not None:
        return known
    levels = looked.levels
    if zero == levels.offset and (looked.stored.dtype == np.int8) == (levels.signed and not zero):
        held = _held(looked)
        assert held.codes is not None
        codes = [int(code) for code in np.unique(held.codes)]
        if np.array_equal(AllowedCodes(codes, signed=levels.signed).integers(), held.codes):
            return held
    made = work.tables[looked.node.outputs[0]] = made_step(looked, "table", scale, zero, work)
    return made


def made_step(looked: Looked, title: str, scale: float, zero: int, work: Assembly) -> Levels:
    """Add the step that a table is."""
    entries = looked.stored.astype(np.int64) - zero
    dtype, name = looked.stored.dtype, work.named(looked.node, layer=False)
    curve = Curve(looked.levels, looked.levels.scale or 1.0, entries.astype(np.float32), title, looked.node)
    return work.tabled(name, curve, entries, (scale, zero, dtype))
