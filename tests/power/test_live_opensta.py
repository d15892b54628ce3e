"""Our own netlists, every template on every library, against an independent timing and power tool."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.activity.bitparallel.test_clock_gate import CELLS, D, Q, netlist
from tests.cells import CLOCK_PS, builds, mapped, small_templates

from wattloop import tools
from wattloop.errors import LibertyError, NetlistError, ToolError
from wattloop.gates.netlist import Netlist
from wattloop.gates.opensta import OpenSta, opensta_slack
from wattloop.gates.timing import critical_path
from wattloop.power.energy import EnergyModel

SPECS = small_templates()


def signoff(netlist: Netlist, clock_ps: float, context: str) -> OpenSta:
    found = opensta_slack(netlist, clock_ps=clock_ps, context=context)
    if found is None:
        pytest.skip("needs OpenSTA: apt-get install opensta")
    return found


# Every template on one library; on the others one of each way that registers are clocked and reset.
FEW = ("array", "booth", "array_sync", "array_gated")


@pytest.mark.parametrize(
    ("library", "template"),
    [(library, template) for library in CLOCK_PS for template in (SPECS if library == "nangate15" else FEW)],
)
def test_slack_and_leakage_are_those_of_opensta(library: str, template: str) -> None:
    clock_ps = CLOCK_PS[library]
    if not builds(library, SPECS[template]):
        with pytest.raises(LibertyError, match=f"library {library} has no clock gating cell for rising edges: set"):
            mapped(library, SPECS[template])
        return
    netlist = mapped(library, SPECS[template]).netlist
    for context in ("alone", "array"):
        theirs = signoff(netlist, clock_ps, context)
        ours = critical_path(netlist, clock_ps=clock_ps, load="signoff", context=context)
        assert ours.slack_ps == pytest.approx(theirs.slack_ps, abs=1e-6 * ours.arrival_ps)
        assert ours.arrival_ps == pytest.approx(theirs.arrival_ps, rel=1e-6)
    rates = np.full((1, len(netlist.nets)), 0.1), np.full((1, len(netlist.nets)), 0.5)
    energy = EnergyModel(netlist, clock_ps, "signoff", "alone").instances_at(*rates)
    leakage_w = energy.leakage_fj.sum() * 1e-3 / clock_ps
    assert leakage_w == pytest.approx(theirs.leakage_w, rel=1e-5)


def test_the_enable_of_a_clock_gate_is_checked_as_opensta_checks_it() -> None:
    """The register's only way is to the gate; its input comes from a port."""
    enable, gate, following, register, out = CELLS
    gated = netlist(enable, gate, replace(following, pins={**following.pins, "A2": D}), register, out)
    ours = critical_path(gated, clock_ps=100, load="signoff", context="alone")
    assert ours.endpoint == ("u_gate", "E")
    assert ours.setup_ps > 0
    theirs = signoff(gated, 100, "alone")
    assert ours.slack_ps == pytest.approx(theirs.slack_ps, abs=1e-5)
    assert gated.nets[Q] == ours.path[0][0].removesuffix("_reg")


def test_without_opensta_there_is_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ToolError(f"{name} is not installed")

    monkeypatch.setattr(tools, "find", missing)
    assert opensta_slack(netlist(*CELLS)) is None


def test_what_opensta_cannot_be_asked_is_refused() -> None:
    signoff(netlist(*CELLS), 100, "alone")
    with pytest.raises(NetlistError, match="no ports that a neighbour feeds"):
        opensta_slack(netlist(*CELLS), context="array")
    unclocked = replace(netlist(*CELLS), instances=(CELLS[2],))
    with pytest.raises(NetlistError, match="has 0 clock ports"):
        opensta_slack(unclocked)


def test_what_opensta_refuses_is_an_error() -> None:
    signoff(netlist(*CELLS), 100, "alone")
    with pytest.raises(ToolError, match="OpenSTA"):
        opensta_slack(netlist(*CELLS[:3], CELLS[4]))
