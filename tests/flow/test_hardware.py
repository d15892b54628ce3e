"""The cell from settings to gates, and what a proof of it says."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from wattloop.errors import NetlistError
from wattloop.flow.hardware import Hardware, build_hardware, prove_hardware, synthesis_flow
from wattloop.flow.settings import HardwareSettings
from wattloop.gates.spec import ArraySpec, MacSpec
from wattloop.runs import run_folder

SETTINGS = HardwareSettings(array=ArraySpec(mac=MacSpec(weight_bits=3, activation_bits=3, psum_bits=7)))
PROVED = "proved equal to the RTL by SAT: 10 outputs, 13 register bits"


@pytest.mark.parametrize(("prove", "told"), [(True, PROVED), (False, "not asked for (--prove)")])
def test_a_proof_is_told_where_it_is_asked_for(prove: bool, told: str, tmp_path: Path) -> None:
    with run_folder(tmp_path / "run", command="synth", settings=SETTINGS, seeds={}) as run:
        summary = synthesis_flow(SETTINGS, run, prove=prove)
    assert summary.equivalence == told
    provenance = json.loads((tmp_path / "run" / "provenance.json").read_text())
    assert provenance.get("equivalence") == (told if prove else None)
    assert (tmp_path / "run" / "netlist.v").is_file()


def test_a_refuted_netlist_is_an_error_that_tells_the_difference() -> None:
    hardware = build_hardware(SETTINGS)
    netlist = hardware.netlist
    swapped = replace(netlist, outputs={**netlist.outputs, "a_o": netlist.outputs["a_o"][::-1]})
    broken = Hardware(SETTINGS, replace(hardware.synthesis, netlist=swapped))
    with pytest.raises(NetlistError, match=r"NOT equal to the RTL: a_o = \d instead of \d at a_i = .*; do not use it"):
        prove_hardware(broken)
