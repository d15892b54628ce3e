"""Tiles of whole networks: all of them, some, or as many as a precision takes; the same bits whoever works."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from distributed import LocalCluster

from wattloop.activity.backend import backend
from wattloop.arith.layer import ConvGeometry, IntegerLayer, LayerTrace
from wattloop.arith.tiling import tile_count
from wattloop.errors import OverflowRangeError
from wattloop.gates.netlist import Netlist
from wattloop.gates.spec import ArraySpec
from wattloop.parallel import Workers, dask, processes, threads
from wattloop.power import survey as module
from wattloop.power.estimate import estimated
from wattloop.power.sequential import StopRule
from wattloop.power.survey import Survey, Surveyed, TracedNetwork
from wattloop.power.tile_meter import TileMeter
from wattloop.power.tile_oracle import TileOracle

IMAGES = 24


@pytest.fixture(scope="module")
def traces(trace: LayerTrace) -> list[LayerTrace]:
    """A convolution and a linear layer on two dozen images: 432 and 72 tiles."""
    rng = np.random.default_rng(7)

    def inputs(*shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        values = np.where(rng.random(shape) < 0.4, 0, rng.gamma(2, 30, shape).clip(0, 255))
        return (values * rng.uniform(0.5, 1, (shape[0], 1, 1, 1))).astype(np.uint8)

    weight = rng.normal(0, 30, (5, 20)).clip(-127, 127).astype(np.int8)
    linear = IntegerLayer("fc", "linear", ConvGeometry(20, 5, 1, 1), weight)
    return [replace(trace, inputs=inputs(IMAGES, 2, 4, 4)), LayerTrace(linear, inputs(IMAGES, 20, 1, 1))]


@pytest.fixture(scope="module")
def meter(mac_netlist: Netlist, array: ArraySpec) -> TileMeter:
    return TileMeter(mac_netlist, array, backend("bitparallel-timed"), idle=True)


@pytest.fixture(scope="module")
def everything(traces: list[LayerTrace], meter: TileMeter) -> Surveyed:
    return Survey(TracedNetwork.of(traces), meter).fixed(None, 0, 0.95)


def same_bits(one: Surveyed, other: Surveyed) -> bool:
    pairs = [(a, b) for x, y in zip(one.layers, other.layers, strict=True) for a, b in zip(x, y, strict=True)]
    values = all(a.values.tobytes() == b.values.tobytes() and a.stratum == b.stratum for a, b in pairs)
    return values and one.intervals == other.intervals


def test_all_tiles_of_a_network_are_those_of_its_layers(
    traces: list[LayerTrace], meter: TileMeter, everything: Surveyed, array: ArraySpec
) -> None:
    by_name = {trace.layer.name: trace for trace in traces}
    oracle = TileOracle(meter.netlist, array, by_name, meter.backend, tiles=None, idle=True)
    for trace, measured in zip(traces, everything.layers, strict=True):
        assert sum(len(part.stratum.chosen) for part in measured) == tile_count(trace, array)
        alone = oracle.simulate(trace.layer.name, trace.layer.weight)
        for one, other in zip(alone, measured, strict=True):
            np.testing.assert_allclose(one.values, other.values, rtol=1e-12)
    assert [found.half_width for found in everything.intervals.values()] == [0, 0]


def test_images_are_traced_a_few_at_a_time_and_it_does_not_show(
    traces: list[LayerTrace], meter: TileMeter, everything: Surveyed, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[int]] = []
    whole = TracedNetwork.of(traces)

    def trace(images: Sequence[int]) -> Sequence[LayerTrace]:
        asked.append(list(images))
        return whole.trace(images)

    monkeypatch.setattr(module, "_TRACED_BYTES", 5 * (2 * 4 * 4 + 20))
    found = Survey(replace(whole, trace=trace), meter).fixed(None, 0, 0.95)
    assert [len(images) for images in asked] == [5, 5, 5, 5, 4]
    for one, other in zip(found.layers, everything.layers, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_allclose(a.values, b.values, rtol=1e-12)


@contextmanager
def local_dask() -> Iterator[Workers]:
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0", host="127.0.0.1") as cluster,
        dask(cluster.scheduler_address) as workers,
    ):
        yield workers


@pytest.mark.parametrize("kind", ["threads", "processes", "dask"])
def test_whoever_works_the_bits_are_the_same(kind: str, traces: list[LayerTrace], meter: TileMeter) -> None:
    network, rule = TracedNetwork.of(traces), StopRule(0.02)
    with {"threads": partial(threads, 2), "processes": partial(processes, 2), "dask": local_dask}[kind]() as workers:
        shared = replace(meter, workers=workers)
        assert same_bits(Survey(network, meter).fixed(6, 1, 0.95), Survey(network, shared).fixed(6, 1, 0.95))
        assert same_bits(Survey(network, meter).precise(rule, 1), Survey(network, shared).precise(rule, 1))


def test_a_precise_sample_is_as_precise_as_asked_and_right(
    traces: list[LayerTrace], meter: TileMeter, everything: Surveyed
) -> None:
    network = TracedNetwork.of(traces)
    covered = []
    for seed in range(6):
        found = Survey(network, meter).precise(StopRule(0.02, 0.99), seed)
        for kind, exact in everything.intervals.items():
            assert found.intervals[kind].precision <= 0.02
            covered.append(found.intervals[kind].covers(exact.total))
        simulated = sum(len(part.stratum.chosen) for part in found.layers[0])
        assert simulated < 0.8 * 432
        images = {index // 18 for part in found.layers[0] for index in part.stratum.chosen}
        assert len(images) > IMAGES / 2
    assert sum(covered) >= len(covered) - 1


def test_a_network_that_takes_no_energy_has_no_shares(
    traces: list[LayerTrace], meter: TileMeter, everything: Surveyed, array: ArraySpec
) -> None:
    network = TracedNetwork.of(traces)
    still = [[replace(part, values=0 * part.values) for part in layer] for layer in everything.layers]
    oracle = TileOracle(meter.netlist, array, {t.layer.name: t for t in traces}, meter.backend, tiles=2)
    found = estimated(network, replace(everything, layers=still), array, oracle, "tiles", 0.95)
    assert [layer.share for layer in found.layers] == [0.0, 0.0]


def test_blank_images_do_not_hide_the_others(meter: TileMeter, array: ArraySpec) -> None:
    # Of 300 images 6 are not blank: most pilots see none of them.
    rng, geometry = np.random.default_rng(0), ConvGeometry(8, 4, 2, 2)
    weight = rng.integers(-100, 100, (4, geometry.reduction)).astype(np.int8)
    inputs = np.zeros((300, 8, 2, 2), np.uint8)
    inputs[rng.choice(300, 6, replace=False)] = rng.integers(0, 256, (6, 8, 2, 2))
    survey = Survey(TracedNetwork.of([LayerTrace(IntegerLayer("c", "conv", geometry, weight), inputs)]), meter)
    exact = survey.fixed(None, 0, 0.95).intervals["conv"].total
    for seed in range(4):
        assert survey.precise(StopRule(0.01), seed).intervals["conv"].covers(exact)


def test_every_tile_is_simulated_once(traces: list[LayerTrace], meter: TileMeter, everything: Surveyed) -> None:
    found = Survey(TracedNetwork.of(traces), meter).precise(StopRule(0.015), 3)
    for measured, whole in zip(found.layers, everything.layers, strict=True):
        for part, all_of_it in zip(measured, whole, strict=True):
            chosen = part.stratum.chosen
            assert len(set(chosen)) == len(chosen) == len(part.values)
            # The values are those of the chosen tiles, in their order.
            place = {index: k for k, index in enumerate(all_of_it.stratum.chosen)}
            expected = all_of_it.values[[place[index] for index in chosen]]
            np.testing.assert_allclose(part.values, expected, rtol=1e-12)


def test_progress_ends_at_what_was_to_be_done(traces: list[LayerTrace], meter: TileMeter) -> None:
    seen: list[tuple[float, float]] = []
    survey = Survey(TracedNetwork.of(traces), meter, lambda done, total: seen.append((done, total)))
    survey.precise(StopRule(0.02), 0)
    assert all(0 <= done <= total for done, total in seen)
    assert seen[-1][0] == pytest.approx(seen[-1][1])


def test_a_layer_that_could_overflow_is_refused_before_anything_runs(
    traces: list[LayerTrace], meter: TileMeter
) -> None:
    tight = replace(meter, spec=replace(meter.spec, mac=replace(meter.spec.mac, psum_bits=16)))
    with pytest.raises(OverflowRangeError, match="layer conv"):
        Survey(TracedNetwork.of(traces), tight).fixed(None, 0, 0.95)
