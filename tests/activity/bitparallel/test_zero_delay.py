"""Zero-delay toggles and times at 1 are those of a plain evaluation, net by net."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.activity.bitparallel.reference import MACS, counts, mac_stimulus, net_values, reference_mac

from wattloop.activity.bitparallel.engine import Engine
from wattloop.activity.stimulus import Stimulus


@pytest.mark.parametrize("name", MACS)
def test_toggles_of_every_net_of_a_mac_equal_a_plain_evaluation(shared_folder: Path, name: str) -> None:
    netlist = reference_mac(shared_folder, name)
    stimulus = mac_stimulus((2, 21, 500), np.random.default_rng(1))  # 20,000 transitions
    toggles, high = counts(netlist, stimulus)
    found = Engine(netlist).measure([stimulus])
    assert toggles.sum() > 1_000_000
    np.testing.assert_array_equal(found.toggles, toggles)
    np.testing.assert_array_equal(found.high, high)
    assert found.glitches is None
    assert found.transitions == stimulus.transitions


@pytest.mark.parametrize(
    ("shape", "pairs", "held_weight"),
    [
        pytest.param((1, 2, 1), True, False, id="one pair"),
        pytest.param((300, 2, 3), True, False, id="many groups of few pairs share vectors"),
        pytest.param((3, 2, 64 * 8 + 5), True, False, id="groups of more than a vector"),
        pytest.param((2, 40, 64), False, True, id="streams under a held weight, longer than a block"),
        pytest.param((1, 5, 64 * 8 * 3 - 1), False, True, id="several sets of columns under a held weight"),
        pytest.param((1, 3000, 513), False, False, id="longer than a job"),
    ],
)
def test_every_lane_is_counted_once_whatever_the_shape(
    shared_folder: Path, shape: tuple[int, int, int], pairs: bool, held_weight: bool
) -> None:
    netlist = reference_mac(shared_folder, "nangate15-array")
    stimulus = mac_stimulus(shape, np.random.default_rng(2), pairs=pairs, held_weight=held_weight)
    toggles, high = counts(netlist, stimulus)
    found = Engine(netlist).measure([stimulus])
    np.testing.assert_array_equal(found.toggles, toggles)
    np.testing.assert_array_equal(found.high, high)


def test_strided_and_transposed_arrays_are_read_as_they_are_indexed(shared_folder: Path) -> None:
    netlist = reference_mac(shared_folder, "nangate15-booth")
    rng = np.random.default_rng(3)
    plain = mac_stimulus((2, 7, 130), rng)
    strange = dict(plain.signals)
    strange["a_i"] = np.asfortranarray(strange["a_i"])
    strange["p_i"] = np.repeat(strange["p_i"], 2, axis=2)[:, :, ::2]
    strange["p_o"] = strange["p_o"][:, ::-1, ::-1].copy()[:, ::-1, ::-1]
    stimulus = Stimulus(strange, plain.widths, plain.counted, *plain.shape)
    engine = Engine(netlist)
    np.testing.assert_array_equal(engine.measure([stimulus]).toggles, engine.measure([plain]).toggles)
    np.testing.assert_array_equal(engine.measure([plain]).toggles, counts(netlist, plain)[0])


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32])
def test_numbers_narrower_than_their_signal_are_widened_with_their_sign(shared_folder: Path, kind: type) -> None:
    """Partial sums of 22 bits that fit fewer: the same toggles, whatever integers hold them."""
    netlist = reference_mac(shared_folder, "nangate15-array")
    plain = mac_stimulus((2, 7, 130), np.random.default_rng(6))
    limits = np.iinfo(kind)
    sums = {name: plain.signals[name].astype(np.int64) % 256 + max(limits.min, -128) for name in ("p_i", "p_o")}
    wide, narrow = (
        Stimulus(
            {**plain.signals, **{name: values.astype(held) for name, values in sums.items()}},
            plain.widths,
            plain.counted,
            *plain.shape,
        )
        for held in (np.int64, kind)
    )
    engine = Engine(netlist)
    expected = engine.measure([wide])
    found = engine.measure([narrow])
    np.testing.assert_array_equal(found.toggles, expected.toggles)
    np.testing.assert_array_equal(found.high, expected.high)


def test_any_number_of_threads_gives_the_same_numbers(shared_folder: Path) -> None:
    netlist = reference_mac(shared_folder, "nangate15-array")
    stimulus = mac_stimulus((5, 70, 700), np.random.default_rng(4))
    alone = Engine(netlist, threads=1).measure([stimulus])
    for threads in (2, 7):
        together = Engine(netlist, threads=threads).measure([stimulus])
        np.testing.assert_array_equal(together.toggles, alone.toggles)
        np.testing.assert_array_equal(together.high, alone.high)


def test_a_sequence_of_stimuli_adds_up(shared_folder: Path) -> None:
    netlist = reference_mac(shared_folder, "nangate15-array")
    rng = np.random.default_rng(5)
    parts = [mac_stimulus((2, 9, 65), rng) for _ in range(3)]
    engine = Engine(netlist)
    whole = engine.measure(iter(parts))
    np.testing.assert_array_equal(whole.toggles, sum(engine.measure([part]).toggles for part in parts))
    assert whole.transitions == 3 * 8 * 65


def test_probed_values_are_those_of_a_plain_evaluation(shared_folder: Path) -> None:
    netlist = reference_mac(shared_folder, "osu018-array")
    stimulus = mac_stimulus((3, 18, 70), np.random.default_rng(6))
    values = net_values(netlist, stimulus)
    nets = sorted(values)[::7]
    found = Engine(netlist).values(stimulus, nets)
    for k, net in enumerate(nets):
        np.testing.assert_array_equal(found[..., k], values[net].astype(bool), err_msg=netlist.nets[net])


def test_register_inputs_equal_the_golden_mac_on_every_vector(shared_folder: Path) -> None:
    for name in MACS:
        netlist = reference_mac(shared_folder, name)
        stimulus = mac_stimulus((1, 20, 1000), np.random.default_rng(7))
        data = {i.pins["Q"]: i.pins["D"] for i in netlist.flops if "Q" in i.pins}
        nets = [data[net] for net in netlist.bus("p_o", 22)]
        bits = Engine(netlist).values(stimulus, nets).astype(np.int64)
        found = (bits << np.arange(22)).sum(-1)
        p, w, a = (np.broadcast_to(stimulus.signals[n], stimulus.shape).astype(np.int64) for n in ("p_i", "w", "a_i"))
        np.testing.assert_array_equal(found, p + w * a & (1 << 22) - 1, err_msg=name)
