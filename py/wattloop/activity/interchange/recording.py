"""What an activity file says about the nets of a netlist, in its own time units.

Files name what they saw: nets of the scope (`w_q[3]`), and pins of its instances (`_0526_/ZN`). A net is found by the
pin that drives it, else by any name of its own, else by a pin that it drives.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wattloop.activity.result import Rates
from wattloop.errors import ActivityFileError
from wattloop.gates.netlist import Netlist

Float = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Count:
    """What was seen of one signal of one bit.

    Attributes:
        toggles: changes between 0 and 1, glitches included; unknown values in between do not count.
        high: time at 1, in ticks.
    """

    toggles: float
    high: float


@dataclass(frozen=True)
class Seen:
    """What a file holds of one scope.

    Attributes:
        source: the file, for messages.
        counts: by name of a net of the scope, or by "instance/pin"; bits as `name[3]`.
        duration: length of the recording in ticks.
        tick_ps: length of a tick.
    """

    source: str
    counts: Mapping[str, Count]
    duration: float
    tick_ps: float


@dataclass(frozen=True)
class Recording:
    """A file's activity of the nets of a netlist.

    Attributes:
        nets: net names, in the order of the netlist.
        annotated: indices of the nets that the file knows.
        toggles, high: of every net, shape (nets,); 0 where it is not annotated. `high` is in ticks.
        duration: length of the recording in ticks.
        tick_ps: length of a tick.
        source: the file.
    """

    nets: tuple[str, ...]
    annotated: tuple[int, ...]
    toggles: Float
    high: Float
    duration: float
    tick_ps: float
    source: str

    def rates(self, clock_ps: float) -> Rates:
        """Toggles per cycle of a clock, and duties, as one group."""
        cycles = self.duration * self.tick_ps / clock_ps
        return Rates(
            nets=self.nets,
            annotated=self.annotated,
            density=self.toggles[None] / cycles,
            duty=self.high[None] / self.duration,
            transitions=cycles,
        )


def annotate(netlist: Netlist, seen: Seen) -> Recording:
    """Match a file's names with a netlist's nets.

    Raises:
        ActivityFileError: not one net of the netlist is in the file; the message shows what is.
    """
    toggles, high = np.zeros(len(netlist.nets)), np.zeros(len(netlist.nets))
    annotated = []
    for net, names in enumerate(_names(netlist)):
        count = next((seen.counts[name] for name in names if name in seen.counts), None)
        if count is not None:
            annotated.append(net)
            toggles[net], high[net] = count.toggles, count.high
    if not annotated:
        shown = ", ".join(list(seen.counts)[:5]) or "nothing"
        raise ActivityFileError(
            f"{seen.source} names no net of netlist {netlist.name} in this scope, but {shown}: give the scope of that "
            "netlist's instance"
        )
    return Recording(netlist.nets, tuple(annotated), toggles, high, seen.duration, seen.tick_ps, seen.source)


def _names(netlist: Netlist) -> Iterator[list[str]]:
    """What each net may be called, the best name first."""
    own: list[list[str]] = [[] for _ in netlist.nets]
    for name, net in netlist.aliases.items():
        own[net].append(name)
    for net, sinks in enumerate(netlist.loads):
        driver = [netlist.drivers[net]] if net in netlist.drivers else []
        yield [*_pins(netlist, driver), *own[net], *_pins(netlist, sinks)]


def _pins(netlist: Netlist, pins: Iterable[tuple[int, str]]) -> list[str]:
    return [f"{netlist.instances[k].name}/{pin}" for k, pin in pins]


def scope_error(source: str, scope: str, scopes: Iterable[str]) -> ActivityFileError:
    """The error of a scope that a file does not have."""
    known = sorted(set(scopes), key=lambda name: (name.count("/"), name))
    shown = ", ".join(known[:6]) + (", ..." if len(known) > 6 else "")
    return ActivityFileError(f"{source} has no scope {scope!r}; it has {shown or 'none'}: give one of them")
