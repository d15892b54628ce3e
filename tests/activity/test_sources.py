"""Stimuli stand for a cell in its place: cut flip-flops or not, the gates see the same values."""

from __future__ import annotations

import numpy as np
import pytest
from tests.activity.bitparallel.reference import net_values

from wattloop.activity.drive import drive, driven_nets
from wattloop.activity.sources import WEIGHT_SIGNALS, mac_pairs, mac_widths, tile_stimulus
from wattloop.activity.stimulus import Stimulus
from wattloop.arith.golden import PeStreams, run_tile
from wattloop.errors import StimulusError
from wattloop.gates.netlist import Netlist
from wattloop.gates.spec import ArraySpec, MacSpec

SPEC = ArraySpec(rows=5, cols=4, pixels=6)


def tile(seed: int, rows: int = 3, cols: int = 2, pixels: int = 6) -> PeStreams:
    rng = np.random.default_rng(seed)
    return run_tile(
        rng.integers(-128, 128, (rows, cols)),
        rng.integers(0, 256, (rows, pixels)),
        SPEC,
        initial_weights=rng.integers(-128, 128, (rows, cols)),
    )


def next_state_errors(netlist: Netlist, stimulus: Stimulus) -> dict[str, int]:
    """Flip-flops whose data at a step is not their stimulus at the next, by register."""
    values = net_values(netlist, stimulus)
    names = dict(zip(driven_nets(netlist), drive(netlist, stimulus), strict=True))
    errors = {}
    for flop in netlist.flops:
        state = next(flop.pins[pin] for pin in netlist.cell(flop).outputs if flop.pins.get(pin) in names)
        wrong = values[flop.pins["D"]][:, :-1] != values[state][:, 1:]
        errors[names[state][0]] = errors.get(names[state][0], 0) + int(wrong.sum())
    return errors


@pytest.mark.parametrize("idle", [False, True], ids=["active cells", "idle cells"])
def test_in_every_cycle_of_a_tile_the_gates_compute_the_registers_of_the_next(mac_netlist: Netlist, idle: bool) -> None:
    # So counting on cut flip-flops is counting in the array, whose values the golden streams are.
    stimulus = tile_stimulus(SPEC.mac, [tile(1), tile(2)], 3, 2, idle=idle)
    assert stimulus.shape == (2, 1 + SPEC.tile_cycles, 20 - 6 if idle else 6)
    assert next_state_errors(mac_netlist, stimulus) == {"w_q": 0, "a_q": 0, "p_q": 0}


def test_a_wrong_register_would_be_seen(mac_netlist: Netlist) -> None:
    stimulus = tile_stimulus(SPEC.mac, [tile(1)], 3, 2)
    stimulus.signals["p_q"][0, 9, 4] ^= 1
    assert next_state_errors(mac_netlist, stimulus)["p_q"] == 1


def test_active_and_idle_cells_are_the_whole_array_once() -> None:
    streams = tile(3)
    active, idle = (tile_stimulus(SPEC.mac, [streams], 3, 2, idle=flag) for flag in (False, True))
    for name in set(mac_widths(SPEC.mac)) - {"rst_ni"}:
        whole = np.broadcast_to(getattr(streams, name), (streams.cycles, 5, 4)).reshape(streams.cycles, -1)
        whole = SPEC.mac.weight_code(whole) if name in WEIGHT_SIGNALS else whole
        together = np.concatenate([active.signals[name][0], idle.signals[name][0]], axis=1)
        np.testing.assert_array_equal(np.sort(together, axis=1), np.sort(whole, axis=1))
        np.testing.assert_array_equal(active.signals[name][0], whole[:, [0, 1, 4, 5, 8, 9]])


def test_every_cycle_of_a_tile_counts_and_the_old_weights_are_there_first() -> None:
    streams = tile(4)
    stimulus = tile_stimulus(SPEC.mac, [streams], 3, 2)
    assert stimulus.transitions == SPEC.tile_cycles * 6
    old = np.random.default_rng(4)
    old.integers(-128, 128, (3, 2)), old.integers(0, 256, (3, 6))
    held = SPEC.mac.weight_of_code(stimulus.signals["w_q"][0, 0].reshape(3, 2))
    np.testing.assert_array_equal(held, old.integers(-128, 128, (3, 2)))


def test_tiles_of_different_length_or_without_cells_are_refused() -> None:
    with pytest.raises(StimulusError, match="same number of cycles"):
        tile_stimulus(SPEC.mac, [tile(1), tile(1, pixels=5)], 3, 2)
    with pytest.raises(StimulusError, match="leaves no cell idle"):
        tile_stimulus(SPEC.mac, [tile(1, rows=5, cols=4)], 5, 4, idle=True)
    with pytest.raises(StimulusError, match="uses no cell"):
        tile_stimulus(SPEC.mac, [tile(1)], 0, 2)


def test_the_gates_register_what_a_pair_computes(mac_netlist: Netlist) -> None:
    rng = np.random.default_rng(0)
    weights = np.array([-128, -1, 0, 1, 127])
    a, p = rng.integers(0, 256, (5, 2, 70)), rng.integers(-(1 << 20), 1 << 20, (5, 2, 70))
    stimulus = mac_pairs(MacSpec(), weights, a, p)
    values = net_values(mac_netlist, stimulus)
    data = {flop.pins["Q"]: flop.pins["D"] for flop in mac_netlist.flops}
    bits = np.stack([values[data[net]] for net in mac_netlist.bus("p_q", 22)], axis=-1).astype(np.int64)
    registered = (bits << np.arange(22)).sum(-1)
    np.testing.assert_array_equal(registered, (p + weights[:, None, None] * a) & (1 << 22) - 1)
    # The weight is held: its register and its bus stand still.
    for net in mac_netlist.bus("w_q", 8):
        np.testing.assert_array_equal(values[data[net]], values[net])


def test_pairs_of_another_shape_are_refused() -> None:
    with pytest.raises(StimulusError, match=r"expected \(groups, 2, pairs\)"):
        mac_pairs(MacSpec(), [1], np.zeros((1, 3, 4), np.int64), np.zeros((1, 3, 4), np.int64))
