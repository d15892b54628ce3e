"""What happens where a unit of work runs: its constants are kept between units, its errors travel whole."""

from __future__ import annotations

import functools
import hashlib
import os
import pickle
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar

from wattloop.errors import WorkerError

T = TypeVar("T")

# Bounds what a worker remembers of constants, pickled; the one in use stays, whatever its size.
_KEPT_BYTES = 1 << 30

_fanned_out: ContextVar[bool] = ContextVar("fanned_out", default=False)


def cores() -> int:
    """Cores that the caller may keep busy: one in a unit that runs beside others, else all that the process may use."""
    return 1 if _fanned_out.get() else len(os.sched_getaffinity(0))


@dataclass(frozen=True, eq=False)
class Constant(Generic[T]):
    """A big argument that many units share: sent to a worker once, by content.

    Attributes:
        value: the argument; a work function is given it in place of the constant.
    """

    value: T

    @cached_property
    def raw(self) -> bytes:
        """The value as it travels."""
        return pickle.dumps(self.value, pickle.HIGHEST_PROTOCOL)

    @cached_property
    def key(self) -> str:
        """Content key."""
        return hashlib.sha256(self.raw).hexdigest()[:32]


@dataclass(frozen=True)
class Reference:
    """Stands for a constant in the arguments of a unit that travels."""

    key: str


@dataclass(frozen=True)
class Missing:
    """A worker's answer when it does not have these constants: nothing was computed."""

    keys: tuple[str, ...]


@dataclass(frozen=True)
class Answer:
    """What a unit gave, in a box: a result may be anything, even a `Missing`."""

    value: Any


@functools.cache
def code_key() -> str:
    """Content key of the package's code: units run only where it is the same, or results could differ in silence."""
    package = Path(__file__).resolve().parent.parent
    files = sorted(path for path in package.rglob("*") if path.suffix in (".py", ".h"))
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


class _Kept:
    """Constants that this process has seen, the least recently used go first."""

    def __init__(self) -> None:
        self._values: OrderedDict[str, tuple[Any, int]] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, sent: Mapping[str, bytes]) -> None:
        for key, raw in sent.items():
            if key in self._values:
                continue
            value = pickle.loads(raw)
            with self._lock:
                self._values.setdefault(key, (value, len(raw)))
                while len(self._values) > 1 and sum(size for _, size in self._values.values()) > _KEPT_BYTES:
                    self._values.popitem(last=False)

    def find(self, keys: tuple[str, ...]) -> dict[str, Any]:
        with self._lock:
            found = {key: self._values[key][0] for key in keys if key in self._values}
            for key in found:
                self._values.move_to_end(key)
            return found


_kept = _Kept()


def alone(work: Callable[..., T], arguments: tuple[Any, ...]) -> T:
    """`work` beside other units: it may keep one core busy."""
    token = _fanned_out.set(True)
    try:
        return work(*arguments)
    finally:
        _fanned_out.reset(token)


def run(
    work: Callable[..., object], arguments: tuple[Any, ...], sent: Mapping[str, bytes], code: str | None
) -> Answer | Missing:
    """A unit in a worker process.

    Args:
        work: what to do.
        arguments: its arguments; constants are `Reference`s.
        sent: pickled constants by key, for this and later units.
        code: `code_key` of who asks, if that is on another machine.

    Raises:
        WorkerError: another version of the code runs here, or the unit's own error cannot travel.
    """
    if code not in (None, code_key()):
        raise WorkerError("a worker runs another version of wattloop: install the same one on every machine")
    keys = tuple(dict.fromkeys(a.key for a in arguments if isinstance(a, Reference)))
    _kept.add(sent)
    values = _kept.find(keys)
    if missing := tuple(key for key in keys if key not in values):
        return Missing(missing)
    try:
        return Answer(alone(work, tuple(values[a.key] if isinstance(a, Reference) else a for a in arguments)))
    except Exception as error:
        if _travels(error):
            raise
        raise WorkerError(f"{type(error).__name__}: {error}") from None


def _travels(error: Exception) -> bool:
    """Whether it is itself after a journey; one that breaks when it is unpacked would take the whole pool with it."""
    try:
        there = pickle.loads(pickle.dumps(error))
    except Exception:
        return False
    return type(there) is type(error) and str(there) == str(error)
