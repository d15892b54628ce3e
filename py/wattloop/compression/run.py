"""Compression of a network: the entry point."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from wattloop.compression.assemble import compress_subject
from wattloop.compression.config import CompressConfig
from wattloop.compression.journal import Event
from wattloop.compression.network import NetworkSubject
from wattloop.compression.remap import as_values
from wattloop.compression.result import CompressionResult
from wattloop.compression.resume import FolderResume, run_key
from wattloop.compression.subject import Constraint
from wattloop.errors import ModelError
from wattloop.nn.constraint import constraint_of
from wattloop.nn.datasets import Dataset
from wattloop.nn.network import QuantizedNetwork
from wattloop.power.oracle import Profiler


def compress(  # noqa: PLR0913 - each is an independent choice of the user
    network: QuantizedNetwork,
    dataset: Dataset,
    profiler: Profiler,
    config: CompressConfig | None = None,
    *,
    tiles: Profiler | None = None,
    on_event: Callable[[Event], None] = lambda event: None,
    resume: Path | None = None,
    resume_facts: str = "",
    legal: Sequence[int] | None = None,
) -> CompressionResult:
    """Compress a trained int8 network layer by layer (paper section 4).

    Every decision rests on the validation images, on which the accuracy never ends below that of `network` minus
    `config.delta` points; the test images are looked at once, at the end.

    Args:
        network: trained, quantised, without constraints but to `legal`; it is left alone.
        dataset: what it was trained on.
        profiler: builds the energy tables that steer the search, from traces on training images.
        config: settings; the defaults are the paper's.
        tiles: builds the oracle that simulates real tiles, from traces on test images; None simulates none.
        on_event: told of every decision as it falls.
        resume: folder that keeps the progress after every layer; a run that finds its own there goes on from it and
            ends as if it had never been interrupted.
        resume_facts: what the course of the run depends on beside network, data and settings: all that stands behind
            `profiler`, in words or as a hash. Progress made under other facts is not taken up.
        legal: weight values that the hardware can hold, 0 among them; None for all 256. The network starts with its
            weights at the nearest of them, and no set leaves them.

    Returns:
        The result, with the compressed network.

    Raises:
        ModelError: no layer in scope, or the network is compressed already.
        StorageError: `resume` cannot be written.
    """
    free = Constraint(None if legal is None else as_values(legal))
    taken = [name for name in network.layers if not _free(network, name, free)]
    if taken:
        raise ModelError(f"{', '.join(taken)} have constraints already: compress the int8 network they came from")
    config = CompressConfig() if config is None else config
    subject = NetworkSubject(copy.deepcopy(network), dataset, config, free.values)
    for name in network.layers:
        subject.constrain(name, free)
    kept = None if resume is None else FolderResume(resume, run_key(network, dataset, config, resume_facts))
    result = compress_subject(subject, profiler, config, tiles=tiles, on_event=on_event, resume=kept)
    return replace(result, network=subject.network)


def _free(network: QuantizedNetwork, name: str, free: Constraint) -> bool:
    """Whether a layer has no constraint but what the hardware can hold."""
    found = constraint_of(network, name)
    return found is None or (found.mask is None and found.values == free.values)
