"""Running a filled call on all cores, and reading what it probed."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import numpy.typing as npt

from wattloop.activity.bitparallel.call import Call
from wattloop.activity.bitparallel.layout import COLUMNS, WORD, Job
from wattloop.parallel import cores


def default_threads() -> int:
    """Cores that the caller may keep busy: one in a unit of work that runs beside others."""
    return cores()


@cache
def _pool(workers: int) -> ThreadPoolExecutor:
    """Threads that wait for work: to start them takes as long as a small run."""
    return ThreadPoolExecutor(workers, thread_name_prefix="wattloop-activity")


def execute(run: Callable[..., int], call: Call, threads: int) -> None:
    """Work through all jobs of `call`; each thread takes the next one when it is done with its last.

    Args:
        run: the native entry point.
        call: what to run.
        threads: how many, 0 for one a core.
    """
    arguments = ctypes.byref(call.program), ctypes.byref(call.run)
    workers = min(threads or default_threads(), call.run.jobs)
    if workers <= 1:
        failed = bool(run(*arguments))
    else:
        others = [_pool(workers - 1).submit(run, *arguments) for _ in range(workers - 1)]
        failed = any([bool(run(*arguments)), *(other.result() for other in others)])
    if failed:
        raise MemoryError("not enough memory for the engine's value slots")


def unpack(job: Job, words: npt.NDArray[np.uint64], into: npt.NDArray[np.bool_]) -> None:
    """Probed words of one job, shape (sets * steps, probes, columns), to where their lanes belong."""
    steps, lanes = into.shape[1:3]
    bits = np.unpackbits(words.view(np.uint8).reshape(*words.shape, 8), axis=-1, bitorder="little")
    for u in range(COLUMNS):
        for at in range(job.sets if job.group[u] >= 0 else 0):
            first = job.lane[u] + at * job.advance
            count = min(WORD, lanes - first)
            if count > 0:
                part = bits[at * steps : (at + 1) * steps, :, u, :count]
                into[job.group[u], :, first : first + count] = part.transpose(0, 2, 1)


def each_range(work: Callable[[int, int], object], total: int, threads: int) -> None:
    """Call `work(first, last)` for shares of range(total), one a thread; 0 threads for one a core."""
    workers = min(threads or default_threads(), total)
    bounds = [total * k // workers for k in range(workers + 1)]
    others = [_pool(workers - 1).submit(work, *bounds[k : k + 2]) for k in range(1, workers)]
    work(*bounds[:2])
    for other in others:
        other.result()
