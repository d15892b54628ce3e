"""The C structures of `native/run.h`, filled from a program, a stimulus and its jobs."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from wattloop.activity.bitparallel.layout import COLUMNS, Work
from wattloop.activity.bitparallel.program import Program
from wattloop.activity.stimulus import Stimulus

_Int = ctypes.c_int64
_Pointer = ctypes.c_void_p


class _Signal(ctypes.Structure):
    _fields_ = (
        ("base", _Pointer),
        ("group", _Int),
        ("step", _Int),
        ("lane", _Int),
        ("size", _Int),
        ("bits", _Int),
        ("planes", _Pointer),
    )


class _Stimulus(ctypes.Structure):
    _fields_ = (
        ("signals", _Int),
        ("steps", _Int),
        ("lanes", _Int),
        ("groups", _Int),
        ("signal", _Pointer),
        ("counted", _Pointer),
    )


class _Job(ctypes.Structure):
    _fields_ = (("sets", _Int), ("group", _Int * COLUMNS), ("lane", _Int * COLUMNS), ("advance", _Int))


class _Program(ctypes.Structure):
    _fields_ = (
        ("timed", _Int),
        ("code", _Pointer),
        ("cells", _Int),
        ("nets", _Int),
        ("planes", _Int),
        ("room", _Int),
        ("constants", _Int),
        ("probes", _Int),
        ("moves", _Int),
        ("held", _Int),
        ("weighed", _Int),
        ("constant", _Pointer),
        ("probe", _Pointer),
        ("table", _Pointer),
        ("events", _Int),
        ("levels", _Int),
        ("times", _Int),
    )


class _Run(ctypes.Structure):
    _fields_ = (
        ("stimulus", _Stimulus),
        ("job", _Pointer),
        ("jobs", _Int),
        ("toggles", _Pointer),
        ("glitches", _Pointer),
        ("high", _Pointer),
        ("probed", _Pointer),
        ("probed_at", _Pointer),
        ("settling", _Pointer),
        ("moves", _Pointer),
        ("sums", _Pointer),
        ("next", _Int),
    )


def _wide(values: npt.NDArray[Any], width: int) -> npt.NDArray[Any]:
    """`values` in integers of at least `width` bits: the kernels read that many of each."""
    if 8 * values.itemsize >= width:
        return values
    return values.astype(np.int32 if width <= 32 else np.int64)


class Call:
    """Pointers to everything that one run reads and writes; owns what it points to."""

    def __init__(self, program: Program, probes: Sequence[int]) -> None:
        self._kept: list[Any] = []
        self.program = _Program(
            timed=program.timed,
            code=self._at(program.code),
            cells=program.cells,
            nets=program.nets,
            planes=len(program.plane),
            room=program.room,
            constants=len(program.constants) // 3,
            probes=len(probes),
            moves=program.moves,
            held=program.held,
            weighed=program.weighed,
            constant=self._at(program.constants),
            probe=self._at(np.array([program.place[net] for net in probes], np.int32)),
            table=self._at(program.table),
            events=program.events,
            levels=program.levels,
            times=program.times,
        )
        self.run = _Run()

    def drive(self, stimulus: Stimulus, planes: Mapping[str, npt.NDArray[np.int32]], work: Work) -> None:
        """Point to `stimulus`, whose signals feed the given input planes, and to its jobs."""
        signals = (_Signal * len(stimulus.signals))()
        for k, (name, given) in enumerate(stimulus.signals.items()):
            values = _wide(given, stimulus.widths[name])
            # The kernels read lanes that lie side by side ten times as fast as others.
            packed = values if not values.ndim or values.strides[-1] == values.itemsize else values.copy(order="C")
            whole = np.broadcast_to(packed, stimulus.shape)
            signals[k] = _Signal(
                self._at(whole), *whole.strides, whole.itemsize, stimulus.widths[name], self._at(planes[name])
            )
        counted = np.ascontiguousarray(stimulus.counted, np.uint8)
        self._kept.append(signals)
        self.run.stimulus = _Stimulus(
            len(signals),
            stimulus.steps,
            stimulus.lanes,
            stimulus.groups,
            ctypes.addressof(signals),
            self._at(counted),
        )
        self.run.jobs = len(work.jobs)
        self.run.job = self._at(work.table)
        self.run.next = 0

    def results(self, **arrays: npt.NDArray[Any] | None) -> None:
        """Where the run writes: `toggles`, `high`, `glitches`, and whatever else `native/run.h` lists."""
        for name, array in arrays.items():
            setattr(self.run, name, None if array is None else self._at(array))

    def _at(self, array: npt.NDArray[Any]) -> int:
        self._kept.append(array)
        return int(array.__array_interface__["data"][0])  # a tenth of the time of `array.ctypes.data`
