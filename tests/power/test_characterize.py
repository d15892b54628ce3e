"""Energy by weight value: the same on every simulator, with an honest error."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from tests.activity.plain import PlainBackend

from wattloop.activity.backend import backend
from wattloop.arith.layer import LayerTrace
from wattloop.arith.statistics import LayerStatistics, collect
from wattloop.errors import AnnotationError, ConfigError
from wattloop.gates.netlist import Netlist
from wattloop.gates.spec import ArraySpec, MacSpec
from wattloop.parallel import SERIAL, Workers, processes, threads
from wattloop.power import characterize as module
from wattloop.power.characterize import characterize
from wattloop.power.effort import Effort
from wattloop.power.energy_table import ORIGINS, EnergyTable, compare


@pytest.fixture(scope="module")
def statistics(trace: LayerTrace, array: ArraySpec) -> LayerStatistics:
    return collect(trace, array)


def assert_same(first: EnergyTable, second: EnergyTable) -> None:
    assert str(compare(first, second)).startswith("equal to the toggle")
    for name in ORIGINS:
        assert first.columns[name].tobytes() == second.columns[name].tobytes()
    assert first.batch_dynamic_fj.tobytes() == second.batch_dynamic_fj.tobytes()


def test_icarus_verilator_and_a_plain_evaluation_give_one_table(
    mac_netlist: Netlist, statistics: LayerStatistics
) -> None:
    plain, icarus, verilator = (
        characterize(mac_netlist, MacSpec(), statistics, backend=by, effort=Effort(64, 4))
        for by in (PlainBackend(), backend("icarus"), backend("verilator"))
    )
    assert_same(icarus, verilator)
    assert_same(icarus, plain)
    assert (icarus.provenance["backend"], verilator.provenance["backend"]) == ("icarus", "verilator")
    assert icarus.provenance["annotated"] == f"{len(mac_netlist.nets) - 1} of {len(mac_netlist.nets) - 1} nets"
    assert icarus.toggles[:, mac_netlist.aliases["p_i[0]"]].all()  # every weight has transitions


def test_whoever_works_the_table_is_the_same(mac_netlist: Netlist, statistics: LayerStatistics) -> None:
    def table(workers: Workers) -> EnergyTable:
        by = backend("bitparallel-timed")
        return characterize(mac_netlist, MacSpec(), statistics, backend=by, effort=Effort(64, 4), workers=workers)

    alone = table(SERIAL)
    with threads(2) as some, processes(2) as others:
        for workers in (some, others):
            shared = table(workers)
            assert_same(alone, shared)
            assert shared.toggles.tobytes() == alone.toggles.tobytes()
            assert shared.provenance == alone.provenance


def test_provenance_names_all_that_the_table_depends_on(mac_netlist: Netlist, statistics: LayerStatistics) -> None:
    table = characterize(
        mac_netlist, MacSpec(), statistics, backend=PlainBackend(), effort=Effort(5, 2), clock_ps=250, load="signoff"
    )
    expected = {
        "layer": "conv",
        "accounting": "functional",
        "spec": "mac_w8a8p22_array",
        "netlist": mac_netlist.digest,
        "library": "nangate15",
        "library_sha256": mac_netlist.library.sha256,
        "load": "signoff",
        "clock_ps": "250",
        "statistics": statistics.key,
        "pairs": "6",
        "batches": "2",
        "seed": "0",
    }
    assert {name: table.provenance[name] for name in expected} == expected
    assert table.weights.tolist() == list(range(-128, 128))
    assert table.batch_dynamic_fj.shape == (256, 2)
    np.testing.assert_allclose(table.batch_dynamic_fj.mean(1), table.dynamic_fj)


def test_a_seed_gives_the_same_bits_in_parts_or_whole(
    mac_netlist: Netlist, statistics: LayerStatistics, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(seed: int) -> EnergyTable:
        return characterize(mac_netlist, MacSpec(), statistics, backend=PlainBackend(), effort=Effort(8, 2, seed=seed))

    whole = run(1)
    assert compare(whole, run(2)).toggle_differences > 0
    monkeypatch.setattr(module, "_VECTORS_AT_ONCE", 16 * 100)
    assert_same(whole, run(1))


def test_layers_do_not_share_random_numbers(mac_netlist: Netlist, statistics: LayerStatistics) -> None:
    one, other = (
        characterize(mac_netlist, MacSpec(), seen, backend=PlainBackend(), effort=Effort(8, 2))
        for seen in (statistics, dataclasses.replace(statistics, layer="another"))
    )
    assert compare(one, other).toggle_differences > 0


def test_progress_counts_weights_to_the_end(mac_netlist: Netlist, statistics: LayerStatistics) -> None:
    seen: list[tuple[int, int]] = []
    characterize(
        mac_netlist,
        MacSpec(),
        statistics,
        backend=PlainBackend(),
        effort=Effort(4, 2),
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen[-1] == (256, 256)


def test_the_batches_tell_the_error_that_other_seeds_show(mac_netlist: Netlist, statistics: LayerStatistics) -> None:
    tables = [
        characterize(mac_netlist, MacSpec(), statistics, backend=PlainBackend(), effort=Effort(64, seed=seed))
        for seed in range(10)
    ]
    energies = np.stack([table.dynamic_fj for table in tables])
    claimed = np.mean([table.standard_error_fj**2 for table in tables])
    # 256 weights x 9 degrees of freedom: the ratio of the variances is known to 3 %.
    assert energies.var(axis=0, ddof=1).mean() / claimed == pytest.approx(1, abs=0.12)


@pytest.mark.parametrize("options", [{"batches": 1}, {"pairs": 0}, {"precision": 0.0}, {"quantile": 2.0}])
def test_effort_that_cannot_be_is_refused(options: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=next(iter(options))):
        Effort(**options)


def test_partial_annotation_is_an_error(
    mac_netlist: Netlist, statistics: LayerStatistics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.activity.plain.switching_nets", lambda netlist: (1, 2, 3))
    with pytest.raises(AnnotationError, match=r"covers 3 of \d+ nets"):
        characterize(mac_netlist, MacSpec(), statistics, backend=PlainBackend(), effort=Effort(2, 2))
