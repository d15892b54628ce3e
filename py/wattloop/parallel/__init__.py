"""The one seam through which everything that fans out goes: an ordered map over any `concurrent.futures.Executor`."""

from wattloop.parallel.places import dask, on, processes, threads, workers
from wattloop.parallel.pool import SERIAL, Workers
from wattloop.parallel.worker import Constant, cores

__all__ = ["SERIAL", "Constant", "Workers", "cores", "dask", "on", "processes", "threads", "workers"]
