"""Keys of cached tables: whatever moves the figures is another key."""

from __future__ import annotations

from dataclasses import replace

import pytest

from wattloop.flow import simulator as module
from wattloop.flow.settings import CharacterizeSettings, HardwareSettings
from wattloop.flow.simulator import Simulator
from wattloop.gates.spec import ArraySpec, MacSpec
from wattloop.power.weight_load import LoadTable
from wattloop.store import Store

BOOTH = ArraySpec(mac=MacSpec(multiplier="booth"))
HARDWARE = {
    "clock": HardwareSettings(clock_ps=400),
    "loads": HardwareSettings(load="signoff"),
    "rows": HardwareSettings(array=ArraySpec(rows=32)),
    "columns": HardwareSettings(array=ArraySpec(cols=32)),
    "pixels": HardwareSettings(array=ArraySpec(pixels=32)),
    "multiplier": HardwareSettings(array=BOOTH),
}
SAMPLING = {
    "simulator": CharacterizeSettings(simulator="bitparallel-timed"),
    "statistics": CharacterizeSettings(statistics="rows"),
    "pairs": CharacterizeSettings(pairs=64),
    "batches": CharacterizeSettings(batches=4),
    "precision": CharacterizeSettings(precision=0.01),
    "seed": CharacterizeSettings(seed=1),
    "tiles": CharacterizeSettings(tiles=3),
}


@pytest.fixture(scope="module")
def plain() -> str:
    """The key by default."""
    return Simulator().key


@pytest.mark.parametrize("name", HARDWARE)
def test_other_hardware_is_another_key(name: str, plain: str) -> None:
    assert Simulator(HARDWARE[name]).key != plain


@pytest.mark.parametrize("name", SAMPLING)
def test_other_sampling_is_another_key(name: str, plain: str) -> None:
    assert Simulator(characterize=SAMPLING[name]).key != plain


def test_which_layer_is_asked_and_on_how_many_images_is_the_traces_matter(plain: str) -> None:
    assert Simulator(characterize=CharacterizeSettings(layer="conv1", images=3)).key == plain


def test_other_code_is_another_key(plain: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "code_key", lambda: "other code")
    assert Simulator().key != plain


def loads_key(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> str:
    """The key under which the toggles of loading are cached, and nothing is measured."""
    keys: list[str] = []

    def load(_: Store, kind: str, key: str, *_others: object) -> LoadTable | None:
        assert kind == "loads"
        keys.append(key)
        return None

    _ = simulator.cell  # comes from the store too
    with monkeypatch.context() as patched:
        patched.setattr(Store, "load", load)
        _ = simulator.loads
    return keys[0]


def test_loading_is_keyed_by_cell_simulator_and_code(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = loads_key(Simulator(), monkeypatch)
    assert loads_key(Simulator(HARDWARE["multiplier"]), monkeypatch) != plain
    assert loads_key(Simulator(characterize=SAMPLING["simulator"]), monkeypatch) != plain
    monkeypatch.setattr(module, "code_key", lambda: "other code")
    assert loads_key(Simulator(), monkeypatch) != plain


def test_loading_is_keyed_by_what_codes_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = loads_key(Simulator(), monkeypatch)
    monkeypatch.setattr(MacSpec, "meaning", property(lambda _: (7,)))
    assert loads_key(Simulator(), monkeypatch) != plain


@pytest.mark.parametrize("name", ["loads", "rows", "columns", "pixels"])
def test_toggles_of_loading_are_shared_where_the_cell_is_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    other = replace(Simulator(), hardware=HARDWARE[name])
    assert other.cell.netlist.digest == Simulator().cell.netlist.digest
    assert loads_key(other, monkeypatch) == loads_key(Simulator(), monkeypatch)
