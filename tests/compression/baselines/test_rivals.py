"""What the rivals choose."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.compression.fakes import CURVE, FakeOracle, FakeProfiler, FakeSubject, normal_weights

from wattloop.arith.layer import LayerTrace
from wattloop.compression.baselines import rivals
from wattloop.compression.baselines.config import BaselinesConfig
from wattloop.compression.baselines.tuned import cheapest
from wattloop.compression.config import CompressConfig
from wattloop.compression.journal import Event, ValuesChosen
from wattloop.compression.method import Choosy, Lab, Point
from wattloop.compression.methods import METHODS
from wattloop.compression.scales import least_squares_scale
from wattloop.errors import ConfigError

FACTORS = {"a": 1.0, "b": 5.0}
CONFIG = CompressConfig(
    k_init=20,
    baselines=BaselinesConfig(epochs=2, power_values=(33,), global_ratios=(0.5,), global_values=(12,), set_values=(9,)),
)


def run(name: str, config: CompressConfig = CONFIG) -> tuple[FakeSubject, list[Point], list[ValuesChosen]]:
    subject = FakeSubject({layer: normal_weights(seed) for seed, layer in enumerate(FACTORS)})
    events: list[Event] = []
    lab = Lab(subject, FakeProfiler(FACTORS), FakeProfiler(FACTORS), config, events.append)
    points = list(METHODS[name]().points(lab))
    return subject, points, [event for event in events if isinstance(event, ValuesChosen)]


@given(count=st.integers(2, 256))
def test_the_cheapest_are_no_dearer_than_any_that_is_left_out(count: int) -> None:
    found = cheapest(CURVE, count)
    assert len(found) == count
    assert 0 in found
    left = [CURVE[v + 128] for v in range(-128, 128) if v not in found]
    assert max((CURVE[v + 128] for v in found if v), default=0) <= min(left, default=np.inf)


FEW = (-64, -4, -1, 0, 1, 2, 4, 32)


def of_few_values(traces: Sequence[LayerTrace]) -> FakeOracle:
    """The oracle of a cell that holds `FEW`."""
    curve = np.full(256, np.inf)
    curve[np.array(FEW) + 128] = CURVE[np.array(FEW) + 128]
    return FakeOracle(FACTORS, curve)


@pytest.mark.parametrize(("name", "sizes", "most"), [("powerpruning", "power_values", 7), ("naive", "naive_values", 8)])
def test_more_values_than_a_cell_holds_are_refused_before_any_work(name: str, sizes: str, most: int) -> None:
    subject = FakeSubject({layer: normal_weights(0) for layer in FACTORS})
    method = METHODS[name]()
    assert isinstance(method, Choosy)
    for count in (most + 1, most):
        baselines = dataclasses.replace(CONFIG.baselines, **{sizes: (2, count)})
        lab = Lab(subject, of_few_values, of_few_values, dataclasses.replace(CONFIG, baselines=baselines))
        if count > most:
            with pytest.raises(ConfigError, match=f"{sizes} asks for {count} .* holds 8: ask for {most} at most"):
                method.require_possible(lab)
        else:
            method.require_possible(lab)
            for point in method.points(lab):
                subject.restore(point.state)
                assert set(subject.allowed("a") or ()) <= set(FEW)
                assert len(subject.allowed("a") or ()) == dict(point.setting)["values"]


def test_fixed_sets_are_cut_to_what_the_cell_holds_or_refused() -> None:
    subject = FakeSubject({layer: normal_weights(0) for layer in FACTORS})
    lab = Lab(subject, of_few_values, of_few_values, CONFIG)
    for name, held in (("four-bit", (-64, 0, 32)), ("power-of-two", FEW)):
        method = METHODS[name]()
        assert isinstance(method, Choosy)
        method.require_possible(lab)
        subject.restore(next(method.points(lab)).state)
        assert subject.allowed("a") == held
    odd = rivals._refuse_values("odd", (-3, 0, 3))
    with pytest.raises(ConfigError, match=r"odd: the cell holds none .*; leave it out of compress\.methods"):
        odd(CONFIG.baselines, FEW)


def test_the_threshold_is_applied_to_both_signs_apart_and_to_all_values() -> None:
    _, points, (by_sign, one) = run("powerpruning")
    assert [dict(p.setting)["threshold"] for p in points] == ["by sign", "one"]
    assert len(by_sign.values) == len(one.values) == 33
    assert sum(v < 0 for v in by_sign.values) == sum(v > 0 for v in by_sign.values) == 16
    assert one.values == cheapest(CURVE, 33)
    assert one.most_fj == pytest.approx(3.0 * max(CURVE[v + 128] for v in one.values))  # the mean of both layers


def test_few_bits_are_offered_at_the_scale_of_int8_and_at_the_one_that_serves_them_best() -> None:
    start = FakeSubject({layer: normal_weights(seed) for seed, layer in enumerate(FACTORS)})
    subject, points, _ = run("four-bit", dataclasses.replace(CONFIG, baselines=BaselinesConfig(epochs=0)))
    assert [dict(point.setting)["scale"] for point in points] == ["int8", "own"]
    for layer in FACTORS:
        factor = least_squares_scale(start.latent(layer), range(-128, 128, 16))
        assert factor < 1  # the largest of many normal weights lies far out: clipping it pays
        subject.restore(points[0].state)
        assert np.array_equal(subject.latent(layer), start.latent(layer))
        subject.restore(points[1].state)
        expected = np.rint(start.latent(layer) / factor).clip(-128, 127)
        assert np.array_equal(subject.latent(layer), expected)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("four-bit", tuple(range(-128, 128, 16))),
        ("power-of-two", (-128, -64, -32, -16, -8, -4, -2, -1, 0, 1, 2, 4, 8, 16, 32, 64)),
    ],
)
def test_fixed_sets_ask_no_energy(name: str, values: tuple[int, ...]) -> None:
    subject, _, (told, again) = run(name)
    assert (told.values, told.most_fj, told.layers) == (values, None, ("a", "b"))
    assert told == again
    assert subject.allowed("a") == subject.allowed("b") == values


def test_the_global_choice_prunes_each_layer_alike_and_has_one_set() -> None:
    subject, (point,), (told,) = run("global")
    assert len(told.values) == 12
    assert point.asked == {"a": (0.5, 12), "b": (0.5, 12)}
    for layer in FACTORS:
        assert subject.allowed(layer) == told.values
        mask = subject.constraints[layer].mask
        assert mask is not None
        assert mask.mean() == pytest.approx(0.5)


def test_sets_alone_are_each_layers_own() -> None:
    subject, _, told = run("set")
    assert [event.layers for event in told] == [("a",), ("b",)]
    assert all(len(event.values) == 9 for event in told)
    assert all(constraint.mask is None for constraint in subject.constraints.values())


@pytest.mark.parametrize("name", [name for name in METHODS if name not in ("layerwise", "rate-distortion")])
def test_every_network_gets_the_same_training(name: str) -> None:
    subject, points, _ = run(name)
    assert points
    assert METHODS[name]().parts(Lab(subject, FakeProfiler(FACTORS), FakeProfiler(FACTORS), CONFIG)) == len(points)
    for point in points:
        subject.restore(point.state)
        assert subject.epochs == 2
        assert subject.score() == point.validation


def test_settings_that_cannot_be_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"compress\.baselines\.global_ratios .* as many as global_values"):
        BaselinesConfig(global_ratios=(0.5,))
    with pytest.raises(ConfigError, match=r"compress\.baselines\.naive_values = 1"):
        BaselinesConfig(naive_values=(1,))
    with pytest.raises(ConfigError, match=r"compress\.baselines\.power_thresholds .* legal: by sign, one"):
        BaselinesConfig(power_thresholds=())
    assert dataclasses.replace(CONFIG.baselines, epochs=0).epochs == 0
