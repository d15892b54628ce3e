"""How the lanes of a stimulus are laid onto vectors: columns of 64 lanes, eight side by side, jobs for the threads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

COLUMNS = 8
WORD = 64
# Long enough to hide a job's start and end; short enough, and enough of them for each thread, to share the work evenly.
_LONGEST, _SHORTEST, _JOBS_A_THREAD = 2048, 128, 16


@dataclass(frozen=True)
class Job:
    """Eight columns side by side over `sets` sets of columns, one set after the other.

    Attributes:
        sets: number of sets.
        group: group of each column, -1 for an empty one.
        lane: first lane of each column in the first set.
        advance: lanes between a column's sets.
    """

    sets: int
    group: tuple[int, ...]
    lane: tuple[int, ...]
    advance: int


@dataclass(frozen=True, eq=False)
class Work:
    """All jobs of a run.

    Attributes:
        jobs: the jobs.
        table: the same for the kernels, shape (jobs, 2 + 2 * COLUMNS).
    """

    jobs: tuple[Job, ...]
    table: npt.NDArray[np.int64]


@lru_cache(4)
def work(groups: int, steps: int, lanes: int, threads: int = 1) -> Work:
    """`jobs`, remembered: listing them takes as long as a tenth of a million vectors."""
    found = tuple(jobs(groups, steps, lanes, threads))
    return Work(found, np.array([(job.sets, *job.group, *job.lane, job.advance) for job in found], np.int64))


def jobs(groups: int, steps: int, lanes: int, threads: int = 1) -> Iterator[Job]:
    """Jobs that together hold every lane of every group once.

    A group of eight columns or more has jobs of its own; smaller groups share vectors.

    Args:
        groups, steps, lanes: of the stimulus.
        threads: among which the jobs are to be shared.
    """
    columns = -(-lanes // WORD)
    if columns >= COLUMNS:
        sets = -(-columns // COLUMNS)
        fair = groups * sets * steps // (_JOBS_A_THREAD * threads)
        share = max(1, min(_LONGEST, max(_SHORTEST, fair)) // steps)
        for group in range(groups):
            for first in range(0, sets, share):
                lane = tuple((first * COLUMNS + u) * WORD for u in range(COLUMNS))
                yield Job(min(share, sets - first), (group,) * COLUMNS, lane, COLUMNS * WORD)
        return
    flat = [(group, column * WORD) for group in range(groups) for column in range(columns)]
    for first in range(0, len(flat), COLUMNS):
        chunk = flat[first : first + COLUMNS]
        chunk += [(-1, 0)] * (COLUMNS - len(chunk))
        yield Job(1, tuple(g for g, _ in chunk), tuple(lane for _, lane in chunk), 0)
