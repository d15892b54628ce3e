"""The engine as a backend: the plug that `wattloop.activity.backend` looks up."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache

from wattloop.activity.bitparallel.array import ArrayEngine, supports
from wattloop.activity.bitparallel.engine import Engine, Timing
from wattloop.activity.result import Activity
from wattloop.activity.stimulus import Stimulus
from wattloop.activity.tiles import Part, TileRun
from wattloop.gates.netlist import Netlist
from wattloop.gates.spec import ArraySpec

_REMEMBERED = 8
_CHANGING = threading.Lock()
# What the registry's names mean.
_TIMING = {"bitparallel": None, "bitparallel-timed": Timing(), "bitparallel-coarse": Timing(coarser=2)}


@dataclass(frozen=True)
class BitparallelBackend:
    """Activity by the native engine.

    Attributes:
        name: "bitparallel".
        timing: how delays are modelled; None settles without delay, as the other backends do.
        threads: worker threads, 0 for one a core; the numbers do not depend on it.
    """

    name: str = "bitparallel"
    timing: Timing | None = None
    threads: int = 0
    _engines: OrderedDict[str, ArrayEngine] = field(default_factory=OrderedDict, compare=False, repr=False)

    def __reduce__(self) -> tuple[Callable[..., BitparallelBackend], tuple[str, Timing | None, int]]:
        """It travels without its engines, which are of this process; where it arrives often, it finds its own again."""
        return _arrived, (self.name, self.timing, self.threads)

    def forget_weights(self) -> None:
        """Simulate the loading of weights that came before anew, as a benchmark wants it."""
        for array in self._engines.values():
            array.known.clear()

    def engine(self, netlist: Netlist) -> Engine:
        """The engine of `netlist`, kept from an earlier call if there was one."""
        return self._array(netlist).engine

    def _array(self, netlist: Netlist) -> ArrayEngine:
        digest = netlist.digest
        with _CHANGING:  # threads may share a backend
            if digest not in self._engines:
                engine = Engine(netlist, self.timing, self.threads)
                settled = engine if self.timing is None else Engine(netlist, threads=self.threads)
                self._engines[digest] = ArrayEngine(engine, settled)
            self._engines.move_to_end(digest)
            while len(self._engines) > _REMEMBERED:
                self._engines.popitem(last=False)
            return self._engines[digest]

    def measure(
        self, netlist: Netlist, stimulus: Stimulus, *, progress: Callable[[int, int], None] | None = None
    ) -> Activity:
        """Toggles of every net of `netlist` with its flip-flops cut; see `ActivityBackend`.

        Raises:
            NetlistError: the netlist cannot be evaluated; names the net or cell.
            StimulusError: the stimulus does not fit the netlist.
        """
        activity = self.engine(netlist).measure([stimulus])
        if progress is not None:
            progress(stimulus.groups, stimulus.groups)
        return activity

    def measure_tiles(
        self,
        netlist: Netlist,
        spec: ArraySpec,
        tiles: Sequence[TileRun],
        part: Part,
        progress: Callable[[int, int], None] | None,
    ) -> Activity | None:
        """See `activity.tiles.TileBackend`."""
        # Loading weights and changing offsets meet in one cell; the golden streams know how.
        if not supports(spec) or any(tile.psum_before is not None for tile in tiles):
            return None
        return self._array(netlist).measure(spec, tiles, part, progress)


@cache
def _arrived(name: str, timing: Timing | None, threads: int) -> BitparallelBackend:
    return BitparallelBackend(name, timing, threads)


def named(name: str) -> BitparallelBackend:
    """The backend that the registry knows as `name`: "bitparallel"; with glitches "-timed", or "-coarse" for speed."""
    return BitparallelBackend(name, _TIMING[name])
