"""Icarus and Verilator count what a plain NumPy evaluation counts, on every net, exactly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from tests.activity.bitparallel.reference import MACS, counts, mac_stimulus, reference_mac

from wattloop.activity.backend import ActivityBackend, backend
from wattloop.activity.bitparallel.random_netlist import one_cell_a_function, random_netlist, side_by_side
from wattloop.activity.cosim.bench import render_bench
from wattloop.activity.cosim.stream import words
from wattloop.activity.drive import switching_nets
from wattloop.activity.sources import mac_pairs, tile_stimulus
from wattloop.activity.stimulus import Stimulus
from wattloop.arith.golden import run_tile
from wattloop.errors import NetlistError, StimulusError
from wattloop.gates.libraries import resolve
from wattloop.gates.netlist import Instance, Netlist
from wattloop.gates.spec import ArraySpec, MacSpec

MAC = MacSpec()


def assert_counted(found: ActivityBackend, netlist: Netlist, stimulus: Stimulus) -> None:
    toggles, high = counts(netlist, stimulus)
    activity = found.measure(netlist, stimulus)
    switching = list(switching_nets(netlist))
    assert sorted(activity.annotated) == switching
    np.testing.assert_array_equal(activity.toggles[:, switching], toggles[:, switching])
    np.testing.assert_array_equal(activity.high[:, switching], high[:, switching])
    assert activity.glitches is None
    assert activity.transitions == stimulus.transitions
    assert activity.backend == found.name
    for net, value in netlist.constants.items():
        assert (activity.high[:, net] == value * stimulus.transitions).all()


@pytest.mark.parametrize("seed", [0, 1])
def test_random_netlists_are_counted_exactly(simulator: ActivityBackend, seed: int) -> None:
    # One build simulates ten netlists; nangate45 has adders of two outputs, cells without inputs and gates of six.
    library, rng = resolve("nangate45"), np.random.default_rng(seed)
    cells = one_cell_a_function(library)
    parts = [random_netlist(library, cells, lambda low, high: int(rng.integers(low, high + 1))) for _ in range(10)]
    netlist = side_by_side(parts)
    widths = {port: len(nets) for port, nets in netlist.inputs.items()}
    signals = {port: rng.integers(0, 1 << width, (3, 9, 70)) for port, width in widths.items()}
    counted = np.array([False, *(rng.random(8) < 0.7)])
    assert_counted(simulator, netlist, Stimulus(signals, widths, counted, 3, 9, 70))


def pairs(lanes: int, groups: int = 3) -> Stimulus:
    rng = np.random.default_rng(lanes)
    a, p = rng.integers(0, 256, (groups, 2, lanes)), rng.integers(-(1 << 20), 1 << 20, (groups, 2, lanes))
    return mac_pairs(MAC, rng.integers(-128, 128, groups), a, p)


def tiles() -> Stimulus:
    rng, spec = np.random.default_rng(1), ArraySpec(rows=9, cols=9, pixels=5)
    drawn = [(rng.integers(-128, 128, (9, 8)), rng.integers(0, 256, (9, 5))) for _ in range(2)]
    return tile_stimulus(MAC, [run_tile(w, a, spec) for w, a in drawn], 9, 8)


def uncounted() -> Stimulus:
    stimulus = tiles()
    return replace(stimulus, counted=np.arange(stimulus.steps) % 3 == 1)


@pytest.mark.parametrize(
    "build",
    [
        pytest.param(lambda: pairs(1), id="one lane"),
        pytest.param(lambda: pairs(63), id="a partial word"),
        pytest.param(lambda: pairs(64), id="a whole word"),
        pytest.param(lambda: pairs(193), id="whole words and a partial one"),
        pytest.param(lambda: pairs(5, groups=150), id="more groups than one call plays"),
        pytest.param(tiles, id="tiles: streams of 72 lanes"),
        pytest.param(uncounted, id="only some steps count"),
    ],
)
def test_the_mac_is_counted_exactly(simulator: ActivityBackend, mac_netlist: Netlist, build: Callable) -> None:
    assert_counted(simulator, mac_netlist, build())


def test_a_group_larger_than_a_chunk_is_counted_exactly(mac_netlist: Netlist) -> None:
    stimulus = pairs(40_001, groups=2)  # over 2**16 vectors a group: packed in pieces
    assert sum(1 for _ in words(mac_netlist, stimulus)) > 1 + 2 * 2
    assert_counted(backend("verilator"), mac_netlist, stimulus)


@pytest.mark.parametrize("name", MACS)
def test_reference_macs_of_every_library_are_counted_exactly(shared_folder: object, name: str) -> None:
    netlist = reference_mac(shared_folder, name)  # type: ignore[arg-type]
    assert_counted(backend("icarus"), netlist, mac_stimulus((2, 4, 70), np.random.default_rng(2)))


def test_a_group_does_not_remember_the_one_before(simulator: ActivityBackend, mac_netlist: Netlist) -> None:
    whole = pairs(70)
    together = simulator.measure(mac_netlist, whole)
    for group in range(3):
        signals = {
            name: values[group : group + 1] if values.ndim == 3 and len(values) == 3 else values
            for name, values in whole.signals.items()
        }
        alone = simulator.measure(mac_netlist, replace(whole, signals=signals, groups=1))
        np.testing.assert_array_equal(alone.toggles[0], together.toggles[group])
        np.testing.assert_array_equal(alone.high[0], together.high[group])


def test_standing_inputs_toggle_nothing(simulator: ActivityBackend, mac_netlist: Netlist) -> None:
    still = np.full((1, 1, 1), 77)
    activity = simulator.measure(
        mac_netlist, mac_pairs(MAC, [5], *np.broadcast_arrays(still, np.zeros((1, 2, 9), int)))
    )
    assert not activity.toggles.any()
    assert activity.high.any()


def test_progress_ends_with_all_groups(simulator: ActivityBackend, mac_netlist: Netlist) -> None:
    seen: list[tuple[int, int]] = []
    simulator.measure(mac_netlist, pairs(3, groups=4), progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (4, 4)


def test_a_stimulus_that_does_not_fit_is_refused_before_anything_is_compiled(
    simulator: ActivityBackend, mac_netlist: Netlist, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(simulator), "compile", lambda *_: pytest.fail("compiled"))
    whole = pairs(3)
    less = {name: values for name, values in whole.signals.items() if name != "w_q"}
    widths = {name: whole.widths[name] for name in less}
    with pytest.raises(StimulusError, match="8 of 78 source nets undriven: w_q"):
        simulator.measure(mac_netlist, replace(whole, signals=less, widths=widths))


def test_a_floating_input_of_a_cell_is_named(mac_netlist: Netlist) -> None:
    nets = ("x", "loose", "y")
    gate = Instance("u_and", "AND2_X1", {"A1": 0, "A2": 1, "Z": 2})
    aliases = {name: k for k, name in enumerate(nets)}
    netlist = Netlist("n", mac_netlist.library, nets, aliases, {"x": (0,)}, {"y": (2,)}, {}, (gate,))
    with pytest.raises(NetlistError, match=r"net loose at pin A2 of cell u_and"):
        render_bench(netlist)
