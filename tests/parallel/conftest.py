"""Workers of every kind; the slow ones are started once."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from wattloop.parallel import SERIAL, Workers, dask, processes, threads

# Worker processes look for the units of work where this process does.
sys.path.insert(0, str(Path(__file__).resolve().parent))


@pytest.fixture(scope="session")
def pool() -> Iterator[Workers]:
    with processes(2) as workers:
        yield workers


@pytest.fixture(scope="session")
def cluster() -> Iterator[str]:
    """Address of a Dask scheduler with two worker processes, each under a nanny that replaces it when it dies."""
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0", host="127.0.0.1") as cluster:
        yield cluster.scheduler_address


@pytest.fixture(params=["serial", "threads", "processes", "dask"])
def workers(request: pytest.FixtureRequest) -> Iterator[Workers]:
    if request.param == "serial":
        yield SERIAL
    elif request.param == "processes":
        yield request.getfixturevalue("pool")
    else:
        with threads(2) if request.param == "threads" else dask(request.getfixturevalue("cluster")) as made:
            yield made
