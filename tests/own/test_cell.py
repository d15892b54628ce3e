"""The settings of a user's cell."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.own.conftest import SPEC

from wattloop import config
from wattloop.errors import ConfigError
from wattloop.flow.settings import HardwareSettings, Settings, load
from wattloop.gates.spec import ArraySpec, MacSpec
from wattloop.own.cell import OURS, OwnMac, OwnPorts, widths_of
from wattloop.store import content_key

TOML = '[hardware.own_mac]\nmodule = "m"\n'


@pytest.mark.parametrize(
    ("text", "verilog"),
    [('verilog = "a b.v"', ("{}/a b.v",)), ('verilog = ["a.v", "/abs/b.v"]', ("{}/a.v", "/abs/b.v"))],
)
def test_files_lie_beside_the_toml_file(text: str, verilog: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(TOML + text)
    own = load(tmp_path / "own.toml").hardware.own_mac
    assert own is not None
    assert own.verilog == tuple(each.format(tmp_path) for each in verilog)


def test_the_settings_that_a_run_keeps_are_read_back(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(TOML + 'netlist = "n.v"\n[hardware.own_mac.tied]\nscan = 0\n')
    first = load(tmp_path / "own.toml")
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "config.toml").write_text(config.dump(first))
    assert load(tmp_path / "kept" / "config.toml") == first


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"verilog = \(\) is illegal; legal: source files where there is no netlist"),
        ('verilog = "a.v"\nnetlist = "b.v"', "none where there is one"),
        ('verilog = 3\nnetlist = "b.v"', "own.toml:3: hardware.own_mac.verilog: 3 is illegal; expected a string or"),
        ('verilog = "a.v"\nreset_active = "up"', "own.toml:4: hardware.own_mac.reset_active: 'up' is illegal"),
        ('verilog = "a.v"\ntied = { clk_i = 0 }', "legal: ports that are named nowhere else"),
        ('verilog = "a.v"\ntied = { scan = -1 }', r"tied.scan = -1 is illegal; legal: 0 or more"),
        ('verilog = "a.v"\nopen = ["x", "x"]', "legal: ports that are named nowhere else"),
        ('verilog = "a.v"\nports = { clok = "c" }', "unknown key; did you mean clock?"),
        ('verilog = "a.v"\nports = { clock = "c; $x" }', "legal: a plain Verilog identifier"),
        ('verilog = "a.v"\nports = { clock = "rst_ni" }', "legal: a port that is named once"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_place(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(TOML + text)
    with pytest.raises(ConfigError, match=message):
        load(tmp_path / "own.toml")


def test_a_module_is_a_name_and_no_command() -> None:
    with pytest.raises(ConfigError, match="legal: a plain Verilog identifier"):
        OwnMac(module="m; exec rm", verilog="a.v")


@pytest.mark.parametrize("option", ["bypass_zero_weight", "bypass_zero_activation", "gate_weight_clock"])
def test_how_a_cell_is_built_is_for_its_files_to_say(option: str) -> None:
    options: dict[str, Any] = {option: True}
    with pytest.raises(ConfigError, match=f"array.mac.{option} = True is illegal; legal: false with own_mac"):
        HardwareSettings(array=ArraySpec(mac=MacSpec(**options)), own_mac=OwnMac(module="m", verilog="a.v"))


def test_another_cell_of_ours_is_not_the_users() -> None:
    own = HardwareSettings(own_mac=OwnMac(module="m", verilog="a.v"))
    assert own.with_cell(SPEC) == HardwareSettings(array=ArraySpec(mac=SPEC))


def test_ports_are_those_of_every_cell_of_ours() -> None:
    assert widths_of(MacSpec(multiplier="shift")) == {
        "clock": 1, "reset": 1, "weight_in": 4, "weight_load": 1, "activation_in": 8, "psum_in": 22,
        "activation_out": 8, "psum_out": 22,
    }  # fmt: skip
    assert OwnMac(module="m", verilog="a.v", ports=OwnPorts()).drops_in
    assert not replace(OwnMac(module="m", verilog="a.v", ports=OURS), reset_active="high").drops_in


def test_keys_of_our_own_cells_are_what_they_were() -> None:
    """As before there was `own_mac`: tables in everybody's caches go by them."""
    assert content_key(HardwareSettings()) == "734af0cea0d2315ae2a8c42b682ceace"
    assert content_key(Settings().hardware, MacSpec()) == "7ca3221d91ad07bd96a632b6e32c1b14"
    assert content_key(HardwareSettings(own_mac=OwnMac(module="m", verilog="a.v"))) == content_key(HardwareSettings())
