"""The stimulus file of an activity bench, packed in bounded chunks.

Layout, in words of 64 bits: records of a group, held planes, streamed planes (big-endian); for every source the slot
that it takes its plane from (big-endian); then for each group its held planes and its records. A record is the streamed
planes of 64 lanes in one step, and the mask of the lanes that count. All steps of 64 lanes come before the next 64.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wattloop.activity.drive import drive
from wattloop.activity.pack import LANES, bit_planes, blocks, lane_mask
from wattloop.activity.stimulus import Stimulus
from wattloop.gates.netlist import Netlist

Integers = npt.NDArray[np.integer]
UIntegers = npt.NDArray[np.uint64]

# Vectors packed at a time: small enough to stay in a core's cache.
_CHUNK_VECTORS = 1 << 16
_ONES = np.uint64(0xFFFF_FFFF_FFFF_FFFF)


@dataclass(frozen=True)
class Layout:
    """Where each signal's planes lie.

    Attributes:
        held: first slot of the signals that change neither over steps nor over lanes.
        streamed: first plane in a record of the others; signals that are one array share their planes.
        held_planes: number of held planes.
        streamed_planes: number of streamed planes, the mask not counted.
    """

    held: dict[str, int]
    streamed: dict[str, int]
    held_planes: int
    streamed_planes: int

    def slot(self, signal: str) -> int:
        """Slot of the signal's least significant bit."""
        return self.held[signal] if signal in self.held else self.held_planes + self.streamed[signal]


def _cube(values: Integers) -> Integers:
    """`values` with all three axes (groups, steps, lanes), not broadcast."""
    return values.reshape((1,) * (3 - values.ndim) + values.shape)


def lay_out(stimulus: Stimulus) -> Layout:
    """Held signals first; a signal that is the same array as an earlier one takes its planes."""
    held: dict[str, int] = {}
    streamed: dict[str, int] = {}
    seen: dict[tuple[int, int], int] = {}
    held_planes = streamed_planes = 0
    for name, width in stimulus.widths.items():
        values = stimulus.signals[name]
        if _cube(values).shape[1:] == (1, 1):
            held[name] = held_planes
            held_planes += width
        elif (id(values), width) in seen:
            streamed[name] = seen[id(values), width]
        else:
            streamed[name] = seen[id(values), width] = streamed_planes
            streamed_planes += width
    return Layout(held, streamed, held_planes, streamed_planes)


def words(netlist: Netlist, stimulus: Stimulus) -> Iterator[tuple[int, UIntegers]]:
    """The stimulus file, piece by piece; memory does not grow with groups, steps or lanes.

    Yields:
        (groups that end in this piece, words).

    Raises:
        StimulusError: the stimulus does not fit the netlist.
    """
    layout = lay_out(stimulus)
    slots = [layout.slot(name) + bit for name, bit in drive(netlist, stimulus)]
    records = blocks(stimulus.lanes) * stimulus.steps
    header = np.array([records, layout.held_planes, layout.streamed_planes, *slots], ">u8")
    yield 0, header.view(np.uint64)
    group_vectors = records * LANES
    if group_vectors <= _CHUNK_VECTORS:
        at_once = _CHUNK_VECTORS // group_vectors
        for first in range(0, stimulus.groups, at_once):
            groups = slice(first, min(first + at_once, stimulus.groups))
            yield groups.stop - first, _whole_groups(stimulus, layout, groups)
    else:
        for group in range(stimulus.groups):
            yield from _one_group(stimulus, layout, group)


def _whole_groups(stimulus: Stimulus, layout: Layout, groups: slice) -> UIntegers:
    count = groups.stop - groups.start
    records = _records(stimulus, layout, groups, slice(0, stimulus.lanes))
    out = np.empty((count, layout.held_planes + records[0].size), np.uint64)
    out[:, : layout.held_planes] = _held(stimulus, layout, groups)
    out[:, layout.held_planes :] = records.reshape(count, -1)
    return out


def _one_group(stimulus: Stimulus, layout: Layout, group: int) -> Iterator[tuple[int, UIntegers]]:
    """A large group in pieces of whole blocks of lanes."""
    groups = slice(group, group + 1)
    yield 0, _held(stimulus, layout, groups)
    lanes_at_once = max(1, _CHUNK_VECTORS // (stimulus.steps * LANES)) * LANES
    for first in range(0, stimulus.lanes, lanes_at_once):
        lanes = slice(first, min(first + lanes_at_once, stimulus.lanes))
        yield int(lanes.stop == stimulus.lanes), _records(stimulus, layout, groups, lanes)


def _part(values: Integers, groups: slice, lanes: slice) -> Integers:
    cube = _cube(values)
    cut = cube if cube.shape[0] == 1 else cube[groups]
    return cut if cut.shape[2] == 1 else cut[:, :, lanes]


def _held(stimulus: Stimulus, layout: Layout, groups: slice) -> UIntegers:
    """Held planes, shape (groups, held planes)."""
    out = np.zeros((groups.stop - groups.start, layout.held_planes), np.uint64)
    for name, slot in layout.held.items():
        values = _part(stimulus.signals[name], groups, slice(0, 1))[:, 0, 0]
        for bit in range(stimulus.widths[name]):
            out[:, slot + bit] = np.where(values >> bit & 1, _ONES, np.uint64(0))
    return out


def _records(stimulus: Stimulus, layout: Layout, groups: slice, lanes: slice) -> UIntegers:
    """Records of a range of groups and of lanes, shape (groups, blocks, steps, streamed planes + 1)."""
    lane_count = lanes.stop - lanes.start
    shape = (groups.stop - groups.start, blocks(lane_count), stimulus.steps, layout.streamed_planes + 1)
    out = np.empty(shape, np.uint64)
    out[..., -1] = np.where(stimulus.counted, lane_mask(lane_count)[:, None], np.uint64(0))
    done = set()
    for name, slot in layout.streamed.items():
        if slot not in done:
            done.add(slot)
            width = stimulus.widths[name]
            values = _part(stimulus.signals[name], groups, lanes)
            if values.shape[2] == 1:
                values = np.broadcast_to(values, (*values.shape[:2], lane_count))
            out[..., slot : slot + width] = np.swapaxes(bit_planes(values, width), 1, 2)
    return out
