"""Compression of a network: the entry point."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import nn

from wattloop.compression.assemble import Assembly, Naming
from wattloop.compression.bound_facts import Judged
from wattloop.compression.budget import Budget
from wattloop.compression.campaign import Campaign, Profilers
from wattloop.compression.config import CompressConfig
from wattloop.compression.energies import NetworkEnergies
from wattloop.compression.journal import Event
from wattloop.compression.memory import Memory
from wattloop.compression.methods import chosen, under_bound
from wattloop.compression.network import NetworkSubject, hold_to_cell
from wattloop.compression.remap import as_values
from wattloop.compression.remember import RememberedSubject
from wattloop.compression.result import CompressionResult
from wattloop.compression.states import StateCodec
from wattloop.compression.stream import Journal
from wattloop.compression.subject import Constraint
from wattloop.errors import ConfigError, ModelError
from wattloop.nn.constraint import constraint_of
from wattloop.nn.datasets import Dataset
from wattloop.nn.fingerprint import fingerprint
from wattloop.nn.network import QuantizedNetwork
from wattloop.parallel import SERIAL, Workers
from wattloop.power.oracle import HardwareMapping
from wattloop.store import content_key

Mappings = Mapping[str, HardwareMapping]
Measure = Callable[[QuantizedNetwork, Mappings], NetworkEnergies]
Judge = Callable[[QuantizedNetwork, Mappings, NetworkEnergies, NetworkEnergies], Judged]

# Networks that a step in progress may keep beside those that are offered.
_STATES_AT_ONCE = 24


def compress(  # noqa: PLR0913 - each is an independent choice of the user
    network: QuantizedNetwork,
    dataset: Dataset,
    profilers: Profilers,
    config: CompressConfig | None = None,
    *,
    measure: Measure | None = None,
    judge: Judge | None = None,
    mac: str = "",
    on_event: Callable[[Event], None] = lambda event: None,
    resume: Path | None = None,
    teacher: nn.Module | None = None,
    legal: Sequence[int] | None = None,
    workers: Workers = SERIAL,
) -> CompressionResult:
    """Compress a trained int8 network by the methods that `config` names (paper section 4 by default).

    Every decision rests on training and validation images; the test images are looked at at the end.

    Args:
        network: trained, quantised, without constraints but to `legal`; it is left alone.
        dataset: what it was trained on.
        profilers: what prices layers.
        config: settings; the defaults are the paper's.
        measure: energies of a network on test images, laid out in a way; None measures none, and there are no rows.
        judge: what the delay bound is worth to a network laid out in a way, whose energies as int8 and as it is are
            given; None leaves the supply and the check of real tiles out of the rows.
        mac: what rows call the MAC cell.
        on_event: told of every decision as it falls.
        resume: folder that belongs to runs with this `run_key` alone and keeps what is found out; a run that finds some
            goes on from it and ends as if it had never been interrupted. `journal.jsonl` in it grows with every
            decision.
        teacher: what fine-tuning distils from as far as `config.distill_weight` says, a network that takes raw pixels;
            None for `network` as it is.
        legal: weight values that the hardware can hold, 0 among them; None for all 256. The network starts with its
            weights at the nearest of them, and no set leaves them; see `hold_to_cell` for a network that was not
            trained for them.
        workers: who tries removals of values side by side; no result depends on it.

    Returns:
        The result, with the networks.

    Raises:
        ConfigError: an unknown method, one that is asked for what cannot be, or a delay bound without delays.
        ModelError: no layer in scope, or the network is compressed already.
        StorageError: `resume` cannot be written, or has too little room.
    """
    free = Constraint(None if legal is None else as_values(legal))
    taken = [name for name in network.layers if not _free(network, name, free)]
    if taken:
        raise ModelError(f"{', '.join(taken)} have constraints already: compress the int8 network they came from")
    config = CompressConfig() if config is None else config
    methods = under_bound(chosen(config.methods), config.timing)
    if config.timing.bound_ps and profilers.delays is None:
        raise ConfigError("compress.timing.bound_ps needs a delay profile of the cell: set it to 0 or give one")
    own = _own(network)
    subject = NetworkSubject(own, dataset, config, free.values, teacher or copy.deepcopy(network), workers)
    for name in own.layers:
        if free.values is not None and constraint_of(own, name) is None:
            hold_to_cell(own, name, free.values)
        subject.constrain(name, free)
    architecture = "" if network.architecture is None else network.architecture.name
    with _kept(resume) as folder:
        remembered = RememberedSubject(subject, StateCodec(), Memory(folder))
        remembered.memory.require_room(_STATES_AT_ONCE * len(StateCodec().encode(subject.snapshot())))
        told, budget = Journal(folder, on_event), Budget(folder, config.max_hours or None)
        found = Campaign(remembered, profilers, config, told, budget).run(methods)
        measured = None if measure is None else lambda mappings: measure(own, mappings)
        naming = Naming(architecture, dataset.name, mac)
        networks: list[QuantizedNetwork] = []
        judged = None if judge is None else lambda *told: judge(own, *told)
        assembly = Assembly(remembered, profilers, config, measured, naming, judged)
        result = assembly.result(found, lambda: networks.append(copy.deepcopy(own)))
    return replace(result, network=networks[-1], networks=tuple(networks[:-1]))


def _own(network: QuantizedNetwork) -> QuantizedNetwork:
    """A copy with its tensors laid out as training does it: what is computed must not depend on who trained."""
    own = copy.deepcopy(network)
    own.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return own


def run_key(
    network: QuantizedNetwork, dataset: Dataset, config: CompressConfig, facts: str, teacher: nn.Module | None = None
) -> str:
    """Content key of all that a run's course and its figures depend on; `facts` stands for the hardware side.

    The last bits of training are those of one version of torch, one device and one number of threads: a run is not
    taken up elsewhere, where it would end as no undisturbed run does.
    """
    taught = teacher if config.distill_weight > 0 else None
    tensors = [
        {name: tensor.detach().cpu().numpy() for name, tensor in found.state_dict().items()}
        for found in (network, taught)
        if found is not None
    ]
    splits = [(split.images, split.labels) for split in (dataset.train, dataset.validation, dataset.test)]
    data = (dataset.name, dataset.crop_padding, dataset.flip, splits)
    place = (torch.__version__, config.threads or torch.get_num_threads(), torch.cuda.is_available())
    return content_key(replace(config, max_hours=0.0), fingerprint(network), tensors, data, place, facts)


@contextmanager
def _kept(resume: Path | None) -> Iterator[Path]:
    """Where what is found out is kept: in `resume`, or for as long as the block lasts."""
    if resume is not None:
        yield resume
        return
    with TemporaryDirectory(prefix="wattloop-") as folder:
        yield Path(folder)


def _free(network: QuantizedNetwork, name: str, free: Constraint) -> bool:
    """Whether a layer has no constraint but what the hardware can hold."""
    found = constraint_of(network, name)
    return found is None or (found.mask is None and found.values == free.values)
