"""Campaigns: what every method offers, and what is refused before any work."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from tests.compression.campaigns import FACTORS, SMALL, made_up, run, told
from tests.compression.fakes import FakeOracle, FakeProfiler, PickleCodec

from wattloop.arith.layer import LayerTrace
from wattloop.arith.mapping import HardwareMapping
from wattloop.compression.budget import Budget
from wattloop.compression.campaign import Campaign, Found, Mapper, Profilers
from wattloop.compression.config import CompressConfig
from wattloop.compression.journal import CampaignStarted, MethodStarted, PointFound
from wattloop.compression.memory import Memory
from wattloop.compression.method import Lab, Point
from wattloop.compression.methods import METHODS, chosen
from wattloop.compression.remember import RememberedSubject
from wattloop.compression.stream import Journal
from wattloop.errors import ConfigError, ModelError


@pytest.mark.parametrize("name", [name for name in METHODS if name != "layerwise"])  # which has tests of its own
def test_every_method_starts_from_the_same_network_and_offers_what_it_says(name: str, tmp_path: Path) -> None:
    subject = made_up()
    found = run(tmp_path, name, subject=subject)
    assert [type(event) for event in found.events[:2]] == [CampaignStarted, MethodStarted]
    points = [event for event in found.events if isinstance(event, PointFound)]
    assert [(p.method, p.setting) for p in points] == [(o.method, o.setting) for o in found.offers]
    assert found.offers
    for offer in found.offers:
        remembered = RememberedSubject(subject, PickleCodec(), Memory(tmp_path))
        assert remembered.load(offer.state, Memory(tmp_path))
        if name != "rate-distortion":  # which goes on from each of its targets to the next
            assert subject.tunings == SMALL.baselines.epochs
        assert subject.score() == offer.validation
        oracle = FakeOracle(FACTORS)
        energy = sum(oracle.energy(name, subject.weight(name)).energy.dynamic_fj for name in FACTORS)
        assert offer.energy_fj == pytest.approx(energy)


def test_several_methods_do_not_see_each_other(tmp_path: Path) -> None:
    both = run(tmp_path / "both", "global", "prune").offers
    alone = [*run(tmp_path / "g", "global").offers, *run(tmp_path / "p", "prune").offers]
    assert [dataclasses.astuple(o) for o in both] == [dataclasses.astuple(o) for o in alone]


def test_networks_are_offered_laid_out_too_and_that_is_chosen_once(tmp_path: Path) -> None:
    asked: list[tuple[str, ...]] = []

    def choose(traces: Sequence[LayerTrace]) -> dict[str, HardwareMapping]:
        asked.append(tuple(trace.layer.name for trace in traces))
        return {"a": HardwareMapping(psum_offset=(1, 2) * 6, flipped_filters=(3,))}

    def laid_out() -> Found:
        remembered = RememberedSubject(made_up(), PickleCodec(), Memory(tmp_path))
        profilers = Profilers(FakeProfiler(FACTORS), FakeProfiler(FACTORS), mapper=Mapper(2, choose))
        started = Campaign(remembered, profilers, SMALL, Journal(tmp_path, lambda e: None), Budget(tmp_path, None))
        return started.run(chosen(["prune", "int8"]))

    found = laid_out()
    assert [(o.method, bool(o.mappings)) for o in found.offers] == [
        ("prune", False),
        ("prune", True),
        ("int8", False),
        ("int8", True),
    ]
    assert found.offers[1].state == found.offers[0].state
    assert found.offers[1].mappings == choose([])
    assert [e.mapped for e in found.events if isinstance(e, PointFound)] == [False, True, False, True]
    assert asked[:2] == [("a", "b"), ("a", "b")]
    del asked[:]
    assert told(laid_out()) == told(found)
    assert not asked


class Greedy:
    """Wants to save more than there is."""

    def targets(self, config: CompressConfig) -> tuple[float, ...]:
        return (0.5, 0.97)

    def parts(self, lab: Lab) -> int:
        return 1

    def points(self, lab: Lab) -> Iterator[Point]:
        raise AssertionError("it was let in")


def test_a_target_beyond_zero_weights_is_refused_before_any_work(tmp_path: Path) -> None:
    remembered = RememberedSubject(made_up(), PickleCodec(), Memory(tmp_path))
    profilers = Profilers(FakeProfiler(FACTORS), FakeProfiler(FACTORS))
    started = Campaign(remembered, profilers, SMALL, Journal(tmp_path, lambda e: None), Budget(tmp_path, None))
    with pytest.raises(ConfigError, match=r"97\.0% cannot be reached: weights of 0 alone would save 9\d"):
        started.run({"greedy": Greedy()})


def test_unknown_methods_and_networks_without_layers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown method magic; known: layerwise, "):
        chosen(["magic"])
    with pytest.raises(ConfigError, match="unknown method list"):
        chosen([])
    linear = made_up()
    linear.kinds = dict.fromkeys(FACTORS, "linear")
    with pytest.raises(ModelError, match=r"compress\.scope"):
        run(tmp_path, "prune", subject=linear)


def test_rivals_that_the_cell_cannot_serve_are_refused_before_any_other_has_its_turn(tmp_path: Path) -> None:
    subject = made_up()
    config = dataclasses.replace(SMALL, baselines=dataclasses.replace(SMALL.baselines, naive_values=(200,)))
    subject.tune = subject.constrain = None  # type: ignore[assignment, method-assign]
    curve = np.where(np.abs(np.arange(-128, 128)) < 64, FakeOracle(FACTORS).curve, np.inf)
    remembered = RememberedSubject(subject, PickleCodec(), Memory(tmp_path))
    profilers = Profilers(lambda traces: FakeOracle(FACTORS, curve), FakeProfiler(FACTORS))
    started = Campaign(remembered, profilers, config, Journal(tmp_path, lambda e: None), Budget(tmp_path, None))
    with pytest.raises(ConfigError, match="naive_values asks for 200 values and the cell holds 127"):
        started.run(chosen(["prune", "naive"]))
