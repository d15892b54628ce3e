"""Methods under a delay bound: what they offer keeps to it, and without one nothing changes."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from tests.compression.fakes import FakeProfiler, FakeSubject, normal_weights
from tests.compression.powerpruning.small import BOUND_PS, DELAYS

from wattloop.arith.layer import LayerTrace
from wattloop.compression import journal
from wattloop.compression.baselines.config import BaselinesConfig
from wattloop.compression.config import CompressConfig
from wattloop.compression.journal import Event
from wattloop.compression.method import Choosy, Lab, Point
from wattloop.compression.methods import METHODS, under_bound
from wattloop.compression.powerpruning.config import TimingConfig
from wattloop.compression.powerpruning.events import ValuesTimed
from wattloop.compression.powerpruning.problem import Choice, DelayTable, late_transitions
from wattloop.compression.rate_distortion.config import RateDistortionConfig
from wattloop.compression.rate_distortion.events import AssignmentTried, SignsFlipped
from wattloop.errors import ConfigError

FACTORS = {"a": 1.0, "b": 5.0}
CONFIG = CompressConfig(
    ratios=(0.3,),
    set_sizes=(12, 8),
    k_init=12,
    k_limit=24,
    delta=50.0,
    tolerance=50.0,
    timing=TimingConfig(bound_ps=BOUND_PS, least_each_sign=3, worth="count", solver="dropping"),
    baselines=BaselinesConfig(epochs=2, power_values=(41, 21), naive_values=(9,)),
    rate_distortion=RateDistortionConfig(targets=(0.3, 0.5), values=8, final_epochs=1),
)


class Reader(FakeSubject):
    """Its layers read codes of their own."""

    def trace(self, images: int, layers: Sequence[str], split: str) -> list[LayerTrace]:  # type: ignore[override]
        codes = np.random.default_rng(0).integers(0, 200, 4000).astype(np.uint8)
        found = super().trace(images, layers, split)
        return [LayerTrace(seen.layer, np.resize(codes, seen.inputs.shape)) for seen in found]


def run(name: str, config: CompressConfig = CONFIG) -> tuple[FakeSubject, list[Point], list[Event]]:
    subject = Reader({layer: normal_weights(seed) for seed, layer in enumerate(FACTORS)})
    events: list[Event] = []
    profiler = FakeProfiler(FACTORS)
    lab = Lab(subject, profiler, profiler, config, events.append, delays=lambda: DELAYS)
    method = under_bound({name: METHODS[name]()}, config.timing)[name]
    return subject, list(method.points(lab)), events


def kept(subject: FakeSubject, point: Point) -> Choice:
    """All weights and codes that a point's layers may have."""
    subject.restore(point.state)
    weights = {int(w) for layer in FACTORS for w in np.unique(subject.weight(layer))}
    codes = {code for layer in FACTORS for code in subject.input_codes(layer) or range(256)}
    return Choice(tuple(sorted({0} | weights)), tuple(sorted(codes)), 0.0)


@pytest.mark.parametrize("name", ["powerpruning", "layerwise", "rate-distortion", "naive", "set", "prune", "int8"])
def test_all_that_a_method_offers_keeps_to_the_bound(name: str) -> None:
    subject, points, events = run(name)
    assert points
    timed = [event for event in events if isinstance(event, ValuesTimed)]
    assert timed and all(event.conflicts > 0 and event.gain < event.worth for event in timed)
    for point in points:
        assert late_transitions(DELAYS, BOUND_PS, kept(subject, point)) == 0
        assert point.setting["bound_ps"] == 100.0
        for layer in FACTORS:
            assert subject.input_codes(layer) is not None


def test_powerpruning_times_what_its_power_threshold_left() -> None:
    subject, points, events = run("powerpruning")
    timed = [event for event in events if isinstance(event, ValuesTimed)]
    assert [event.candidates for event in timed] == [41, 21]
    for point, event in zip(points, timed, strict=True):
        subject.restore(point.state)
        assert subject.allowed("a") == subject.allowed("b") == event.weights
        assert subject.input_codes("a") == event.codes


@pytest.mark.parametrize("name", ["powerpruning", "layerwise", "rate-distortion"])
def test_without_a_bound_nobody_is_timed_and_all_codes_stay(name: str) -> None:
    free = replace(CONFIG, timing=TimingConfig())
    subject, points, events = run(name, free)
    assert points and not [event for event in events if isinstance(event, ValuesTimed)]
    for point in points:
        subject.restore(point.state)
        assert "bound_ps" not in point.setting and subject.input_codes("a") is None
    other = replace(CONFIG, timing=TimingConfig(solver="dropping", least_codes=99))
    again = run(name, other)[1]
    assert [point.validation for point in again] == [point.validation for point in points]


def test_the_layers_are_free_again_after_a_bounded_method() -> None:
    subject, _, _ = run("layerwise")
    assert subject.legal is None


def test_the_journal_keeps_what_was_timed() -> None:
    event = ValuesTimed(("a", "b"), 150.0, 41, 9000, (-4, 0, 4), (0, 1, 9), 0.4, 0.9)
    assert journal.from_lines(journal.to_lines([event])) == (event,)


@pytest.mark.parametrize("name", ["powerpruning", "rate-distortion"])
def test_a_bound_without_delays_is_refused(name: str) -> None:
    profiler, subject = FakeProfiler(FACTORS), FakeSubject({layer: normal_weights(0) for layer in FACTORS})
    with pytest.raises(ConfigError, match="delay profile"):
        list(METHODS[name]().points(Lab(subject, profiler, profiler, CONFIG)))


def test_rate_and_distortion_turns_filters_before_it_is_bounded_and_aims_at_int8_energy() -> None:
    _, points, events = run("rate-distortion")
    kinds = [type(event) for event in events]
    assert kinds.index(SignsFlipped) < kinds.index(ValuesTimed) < kinds.index(AssignmentTried)
    (timed,) = (event for event in events if isinstance(event, ValuesTimed))
    for tried in (event for event in events if isinstance(event, AssignmentTried)):
        assert all(set(values) <= set(timed.weights) for values in tried.values)
    assert [point.setting for point in points] == [
        {"target": 0.3, "bound_ps": 100.0},
        {"target": 0.5, "bound_ps": 100.0},
    ]


def lab_of(config: CompressConfig, events: list[Event]) -> Lab:
    subject, profiler = (
        Reader({layer: normal_weights(seed) for seed, layer in enumerate(FACTORS)}),
        FakeProfiler(FACTORS),
    )
    return Lab(subject, profiler, profiler, config, events.append, delays=lambda: DELAYS)


@pytest.mark.parametrize("name", ["powerpruning", "layerwise", "rate-distortion", "int8"])
@pytest.mark.parametrize(
    "floor", [{"least_codes": 256, "least_weights": 20}, {"least_weights": 200}, {"least_each_sign": 100}]
)
def test_floors_that_nothing_keeps_to_are_refused_at_the_start(name: str, floor: dict[str, int]) -> None:
    timing = replace(CONFIG.timing, **floor)
    method = under_bound({name: METHODS[name]()}, timing)[name]
    assert isinstance(method, Choosy)
    with pytest.raises(ConfigError, match=r"keeps to|are fewer than"):
        method.require_possible(lab_of(replace(CONFIG, timing=timing), []))


@pytest.mark.parametrize("name", ["powerpruning", "layerwise"])
def test_looking_whether_a_bound_is_possible_changes_and_tells_nothing(name: str) -> None:
    events: list[Event] = []
    lab = lab_of(CONFIG, events)
    before = lab.subject.snapshot()
    method = under_bound({name: METHODS[name]()}, CONFIG.timing)[name]
    assert isinstance(method, Choosy)
    method.require_possible(lab)
    assert not events
    assert pickle.dumps(lab.subject.snapshot()) == pickle.dumps(before)
    assert lab.subject.input_codes("a") is None


def test_a_method_whose_values_the_bound_does_not_leave_is_refused_at_the_start() -> None:
    config = replace(CONFIG, baselines=replace(CONFIG.baselines, naive_values=(250,)))
    method = under_bound({"naive": METHODS["naive"]()}, config.timing)["naive"]
    assert isinstance(method, Choosy)
    with pytest.raises(ConfigError, match="naive_values asks for 250 values and the cell holds"):
        method.require_possible(lab_of(config, []))


def test_powerpruning_with_nothing_to_try_is_refused() -> None:
    """Under one threshold for all weights the cheapest ones have one sign; skipped, they would leave an empty rival."""
    one = replace(CONFIG.baselines, power_thresholds=("one",))
    with pytest.raises(ConfigError, match=r"power_thresholds = \('one',\) .*least_each_sign = 3, or powerpruning has"):
        replace(CONFIG, baselines=one, methods=("powerpruning",))
    assert replace(CONFIG, baselines=one, methods=("layerwise",)).baselines == one
    free = replace(CONFIG.timing, least_each_sign=0)
    found = replace(CONFIG, baselines=one, methods=("powerpruning",), timing=free)
    assert len(run("powerpruning", found)[1]) == 2


def test_codes_that_were_not_timed_are_refused() -> None:
    profiler = FakeProfiler(FACTORS)
    subject = Reader({layer: normal_weights(0) for layer in FACTORS})
    few = DelayTable(DELAYS.weights, np.arange(100), np.zeros((256, 100, 100)))
    lab = Lab(subject, profiler, profiler, CONFIG, delays=lambda: few)
    with pytest.raises(ConfigError, match="a, b read activation codes"):
        list(METHODS["powerpruning"]().points(lab))


@pytest.mark.parametrize(
    "wrong", [{"bound_ps": -1}, {"solver": "best"}, {"worth": "gold"}, {"weight_share": 1}, {"least_codes": 0}]
)
def test_wrong_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=f"compress.timing.{next(iter(wrong))}"):
        TimingConfig(**wrong)  # type: ignore[arg-type]
