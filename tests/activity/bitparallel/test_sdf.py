"""Delays by pin and edge, from SDF, in Icarus."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.activity.bitparallel.reference import mac_stimulus, reference_mac

from wattloop.activity.bitparallel import sdf
from wattloop.activity.bitparallel.engine import Engine, Timing
from wattloop.errors import NetlistError
from wattloop.gates.logic import variables

TEXT = """(DELAYFILE (TIMESCALE 1ps)
 (CELL (CELLTYPE "AOI21_X1") (INSTANCE _7_) (DELAY (ABSOLUTE
  (IOPATH A1 ZN (2.5::4.8) (2.7::4.5))
  (COND (A1 == 1'b1) && (A2 == 1'b0)
   (IOPATH B ZN (3.3::5.6) (2.5::3.7)))
  (COND (A1 == 1'b0) && (A2 == 1'b1)
   (IOPATH B ZN (2.8::5.0) (2.5::3.9))))))
 (CELL (CELLTYPE "INV_X1") (INSTANCE _8_) (DELAY (ABSOLUTE
  (IOPATH I ZN (1.0) ())))))
"""


def test_the_slowest_triple_and_condition_of_a_path_counts() -> None:
    assert sdf.read_paths(TEXT) == {
        ("_7_", "A1", "ZN"): (4.8, 4.5),
        ("_7_", "B", "ZN"): (5.6, 3.9),
        ("_8_", "I", "ZN"): (1.0, 0.0),
    }


def test_its_unit_is_read() -> None:
    assert sdf.read_paths(TEXT.replace("1ps", "10 ns"))["_8_", "I", "ZN"] == (1e4, 0.0)


def test_with_one_delay_a_gate_it_sees_what_the_engine_sees(shared_folder: Path, tmp_path: Path) -> None:
    """But for pulses as long as a delay, which Icarus treats otherwise in paths than in assignments."""
    netlist = reference_mac(shared_folder, "nangate15-array")
    engine = Engine(netlist, Timing(0.5))
    assert engine.steps is not None
    paths = {
        (instance.name, cause, pin): (0.5 * engine.steps.gates[instance.pins[pin]],) * 2
        for instance in netlist.combinational
        for pin, spec in netlist.cell(instance).outputs.items()
        if pin in instance.pins and spec.function is not None
        for cause in variables(spec.function)
    }
    stimulus = mac_stimulus((2, 5, 30), np.random.default_rng(1))
    seen = sdf.simulate_sdf(netlist, engine.circuit, engine.steps, paths, stimulus, tmp_path)
    found = engine.measure([stimulus])
    assert found.glitches is not None
    glitches = seen.changes - found.toggles
    assert not (glitches % 2)[:, list(found.annotated)].any()  # whatever glitches comes back
    assert glitches.sum() == pytest.approx(found.glitches.sum(), rel=0.05)


def test_a_cell_without_a_path_is_named(shared_folder: Path, tmp_path: Path) -> None:
    netlist = reference_mac(shared_folder, "nangate15-array")
    engine = Engine(netlist, Timing(1.0))
    assert engine.steps is not None
    with pytest.raises(NetlistError, match=r"no path from \w+ to \w+ of _\d+_"):
        sdf.simulate_sdf(
            netlist, engine.circuit, engine.steps, {}, mac_stimulus((1, 2, 1), np.random.default_rng(2)), tmp_path
        )


@pytest.mark.skipif(shutil.which("sta") is None, reason="OpenSTA (sta) is not installed")
def test_delays_of_the_engine_are_those_of_a_timing_analyser(shared_folder: Path, tmp_path: Path) -> None:
    """At the same loads and worst slews, arc by arc; gates behind input ports aside, which there switch at once."""
    netlist = reference_mac(shared_folder, "nangate15-booth")
    paths = sdf.sdf_paths(netlist, shared_folder / "oracle" / "nangate15-booth" / "netlist.v", tmp_path)
    engine = Engine(netlist)
    own = sdf.liberty_delays(netlist, engine.circuit, load="signoff").gates
    ratios = []
    for instance in netlist.combinational:
        for (name, cause, pin), (rise, fall) in paths.items():
            if name == instance.name:
                arcs = own[instance.pins[pin]]
                ratios += [arcs[cause, "rise"] / rise, arcs[cause, "fall"] / fall]
    assert len(ratios) > 1500
    assert np.percentile(ratios, [5, 50]) == pytest.approx([1.0, 1.0], abs=0.002)
