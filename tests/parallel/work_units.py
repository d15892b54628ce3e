"""Units of work for the tests: other processes import this module, by a name that no installed package has."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from wattloop.errors import SpecError
from wattloop.parallel import cores, processes


class FussyError(Exception):
    """An error that breaks when it is unpickled."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} and {two}")


def scaled(factors: list[int], index: int) -> tuple[int, float]:
    """Floating point whose last bits tell the order of the sum."""
    return index, sum(1.0 / (factor + index) for factor in factors)


def done_by(value: object, index: int) -> int:
    time.sleep(0.02)
    return os.getpid()


def allowed_cores(index: int) -> int:
    return cores()


def noted(folder: str, index: int, victims: tuple[int, ...]) -> int:
    """Leaves a file for every time that it ended; the first time that a victim is worked on, its process dies."""
    victim = Path(folder) / f"victim-{index}"
    if index in victims and not victim.exists():
        victim.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.01)
    return index * index


def deadly(index: int) -> int:
    if index == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return index


def failing(index: int) -> int:
    if index == 2:
        raise SpecError("rows: 0 is illegal; legal: 1 to 256")
    return index


def fussy(index: int) -> int:
    raise FussyError(1, 2)


def slow(folder: str, index: int, seconds: float = 0.3) -> int:
    (Path(folder) / f"begun-{index}").write_text(str(os.getpid()))
    time.sleep(seconds)
    return index


def main(folder: str, seconds: float) -> None:
    """A program that divides work among processes until it is interrupted."""
    with processes(2) as pool:
        list(pool.map(slow, ((folder, index, seconds) for index in range(1000))))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
