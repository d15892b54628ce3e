"""Small campaigns on a made-up network, for the tests of all that has a part in one."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from tests.compression.fakes import FakeProfiler, FakeSubject, PickleCodec, by_hash, normal_weights

from wattloop.compression.baselines.config import BaselinesConfig
from wattloop.compression.budget import Budget
from wattloop.compression.campaign import Campaign, Found, Profilers
from wattloop.compression.config import CompressConfig
from wattloop.compression.memory import Memory
from wattloop.compression.methods import chosen
from wattloop.compression.remember import RememberedSubject
from wattloop.compression.stream import Journal

FACTORS = {"a": 1.0, "b": 5.0}
SMALL = CompressConfig(
    ratios=(0.5,),
    set_sizes=(8,),
    k_init=9,
    k_growth=6,
    k_limit=15,
    delta=8.0,
    baselines=BaselinesConfig(
        power_values=(12,),
        naive_values=(8,),
        global_ratios=(0.5,),
        global_values=(8,),
        prune_ratios=(0.5,),
        set_values=(8,),
    ),
)


def made_up(salt: int | None = None) -> FakeSubject:
    latents = {name: normal_weights(seed) for seed, name in enumerate(FACTORS)}
    return FakeSubject(latents) if salt is None else FakeSubject(latents, quality=by_hash, salt=salt)


def run(
    folder: Path,
    *names: str,
    subject: FakeSubject | None = None,
    config: CompressConfig = SMALL,
    budget: Budget | None = None,
) -> Found:
    remembered = RememberedSubject(subject or made_up(), PickleCodec(), Memory(folder))
    profilers = Profilers(FakeProfiler(FACTORS), FakeProfiler(FACTORS, "tiles/fake"))
    told = Journal(folder, lambda event: None)
    return Campaign(remembered, profilers, config, told, budget or Budget(folder, None)).run(chosen(names))


def told(found: Found) -> tuple[Any, ...]:
    return found.events, [dataclasses.astuple(offer) for offer in found.offers]
