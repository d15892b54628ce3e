"""Synthesis: the clock it meets or misses, the same bits twice, and what it does with damage."""

from __future__ import annotations

import gzip
import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest
from tests.cells import mapped
from tests.gates.conftest import SMALL_CELL

from wattloop import tools
from wattloop.errors import LibertyError, SpecError
from wattloop.gates.liberty import read_liberty
from wattloop.gates.library import Library
from wattloop.gates.recipes import portfolio
from wattloop.gates.spec import MacSpec
from wattloop.gates.synthesis import Candidate, choose, run_synthesis, synthesize
from wattloop.gates.timing import critical_path
from wattloop.store import Store


@pytest.mark.parametrize("multiplier", ["array", "booth"])
def test_the_default_cell_meets_the_papers_5_ghz(multiplier: str, nangate15: Library) -> None:
    result = run_synthesis(MacSpec(multiplier=multiplier), nangate15)
    assert (result.timing.load, result.timing.context) == ("signoff", "array")
    assert result.timing.slack_ps >= 0
    assert result.timing.summary.startswith("meets 200 ps with")
    assert len(result.netlist.flops) == 38
    # the smallest of those that meet the clock
    meeting = [candidate for candidate in result.candidates if candidate.delay_ps <= 200]
    assert result.netlist.area_um2 == pytest.approx(min(candidate.area_um2 for candidate in meeting))


def test_a_clock_out_of_reach_is_missed_by_what_timing_says(
    nangate15: Library, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "wattloop.gates.synthesis"):
        result = run_synthesis(SMALL_CELL, nangate15, clock_ps=20)
    fastest = min(candidate.delay_ps for candidate in result.candidates)
    assert result.timing.slack_ps == pytest.approx(20 - fastest)
    assert result.timing.slack_ps < 0
    assert result.timing.summary.startswith(f"misses 20 ps by {fastest - 20:.1f} ps")
    assert result.timing.summary in caplog.text
    again = critical_path(result.netlist, clock_ps=20, load="signoff", context="array")
    assert again.slack_ps == result.timing.slack_ps


def test_the_same_bits_twice_and_every_trace_of_them(nangate15: Library, tmp_path: Path) -> None:
    first, second = (run_synthesis(SMALL_CELL, nangate15, store=Store(tmp_path / folder)) for folder in ("one", "two"))
    for name in ("netlist.v", "candidates.json", "rtl.sv", "synth.ys"):
        assert (first.folder / name).read_bytes() == (second.folder / name).read_bytes()
    assert first.netlist.digest == second.netlist.digest
    assert "recipe area_75" in (first.folder / "yosys.log").read_text()
    assert not (first.folder / "library.lib").exists()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = Store(tmp_path_factory.mktemp("built"))
    mapped("nangate15", SMALL_CELL, store=store)
    return store


def test_a_result_is_taken_from_the_cache(built: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "run", None)
    assert mapped("nangate15", SMALL_CELL, store=built).netlist.name == SMALL_CELL.module_name


@pytest.mark.parametrize("damage", ["netlist cut", "netlist edited", "netlist gone", "summary cut", "summary wrong"])
def test_a_damaged_result_is_made_again(damage: str, built: Store) -> None:
    digest = mapped("nangate15", SMALL_CELL, store=built).netlist.digest
    (folder,) = built.root.glob("netlist/*/")
    netlist, summary = folder / "netlist.v", folder / "candidates.json"
    if damage == "netlist cut":
        netlist.write_text(netlist.read_text()[:500])
    elif damage == "netlist edited":
        netlist.write_text(netlist.read_text().replace("NAND2_X1", "NOR2_X1", 1))
    elif damage == "netlist gone":
        netlist.unlink()
    elif damage == "summary cut":
        summary.write_text(summary.read_text()[:100])
    else:
        summary.write_text(json.dumps({**json.loads(summary.read_text()), "candidates": [{"recipe": 1}]}))
    assert mapped("nangate15", SMALL_CELL, store=built).netlist.digest == digest
    assert [path for path in built.root.glob("netlist/*") if path.is_dir()] == [folder]


def test_the_smallest_that_meets_the_clock_is_chosen_or_the_fastest() -> None:
    small = Candidate("small", 10, 100.0, 190.0, 15.0)
    middle = Candidate("middle", 11, 120.0, 180.0, 15.0)
    large = Candidate("large", 12, 140.0, 170.0, 15.0)
    every = (large, small, middle)
    assert choose(every, 210) == small
    assert choose(every, 200) == middle
    assert choose(every, 195) == middle
    assert choose(every, 100) == large


def test_recipes_have_names_of_their_own_and_press_harder_than_the_clock() -> None:
    recipes = portfolio(300.0)
    assert len({recipe.name for recipe in recipes}) == len(recipes)
    assert all(0 < recipe.target_ps < 300 for recipe in recipes)
    assert not any("{" in command for recipe in recipes for command in recipe.mapping)


@pytest.mark.parametrize("clock_ps", [0.0, -1.0, float("nan"), float("inf")])
def test_an_illegal_clock_is_refused(clock_ps: float, nangate15: Library) -> None:
    with pytest.raises(SpecError, match=r"clock_ps = .* is illegal; legal: above 0"):
        synthesize(SMALL_CELL, nangate15, clock_ps=clock_ps)


class Without(dict):  # type: ignore[type-arg]
    """The cells of a library but for some."""

    def __init__(self, library: Library, *starts: str) -> None:
        super().__init__({n: library.cells[n] for n in library.cells if not n.startswith(starts)})


@pytest.mark.parametrize(
    ("starts", "message"),
    [
        (("DFFR", "SDFFR"), "library nangate15 has no rising-edge flip-flop with asynchronous clear: use another"),
        (("BUF", "CLKBUF"), "library nangate15 has no buffer: use another library"),
    ],
)
def test_a_library_that_cannot_build_the_cell_is_refused(
    starts: tuple[str, ...], message: str, nangate15: Library
) -> None:
    with pytest.raises(LibertyError, match=message):
        synthesize(SMALL_CELL, replace(nangate15, cells=Without(nangate15, *starts)))


def test_a_packed_library_builds_the_same_cell(nangate15: Library, tmp_path: Path) -> None:
    packed = tmp_path / "mine.lib.gz"
    packed.write_bytes(gzip.compress(Path(nangate15.path).read_bytes()))
    made = run_synthesis(SMALL_CELL, read_liberty(packed), store=Store(tmp_path / "cache"))
    assert made.netlist.digest == run_synthesis(SMALL_CELL, nangate15).netlist.digest


def test_a_library_that_changes_while_it_is_used_is_refused(nangate15: Library, tmp_path: Path) -> None:
    copy = tmp_path / "copy.lib"
    copy.write_bytes(Path(nangate15.path).read_bytes())
    library = read_liberty(copy)
    copy.write_bytes(copy.read_bytes() + b"\n")
    with pytest.raises(LibertyError, match=r"copy\.lib was changed while it was used: start again"):
        synthesize(SMALL_CELL, library, store=Store(tmp_path / "cache"))


def test_a_liberty_file_that_has_gone_is_missed_by_name(nangate15: Library, tmp_path: Path) -> None:
    copy = tmp_path / "copy.lib"
    copy.write_bytes(Path(nangate15.path).read_bytes())
    library = read_liberty(copy)
    copy.unlink()
    store = Store(tmp_path / "cache")
    with pytest.raises(LibertyError, match=r"cannot read the Liberty file .*copy\.lib: No such file"):
        synthesize(SMALL_CELL, library, store=store)
    assert not [path for path in store.root.glob("netlist/*") if path.is_dir()]
