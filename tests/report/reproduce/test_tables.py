"""What tables 1 to 4, figure 4 and the ablations say follows from the rows: other rows, other sentences."""

from __future__ import annotations

import pytest
from tests.report.reproduce.results import int8, layer, result

from wattloop.report.reproduce import ablations, figure4, powerpruning, table1, table2, table3, table4
from wattloop.report.reproduce.blocks import blocks
from wattloop.report.reproduce.exhibit import Claim
from wattloop.report.reproduce.results import Result, best, by_seeds, shown

NAMES = ("conv1", *(f"layer{s}.{b}.conv{c}" for s in (1, 2, 3) for b in (0, 1, 2) for c in (1, 2)))


def resnet(savings: dict[str, float]) -> tuple:
    return tuple(layer(name, 100.0 if name != "conv1" else 50.0, 1 - savings.get(name[:8], 0.4)) for name in NAMES)


def about(claims: list[Claim], word: str) -> Claim:
    return next(claim for claim in claims if word in claim.says)


# Table 1


def test_the_papers_method_is_held_against_its_row_by_saving_and_lost_accuracy() -> None:
    close = table1.exhibit([int8(), result("layerwise", 0.59, 0.892)])
    claim = next(c for c in close.claims if "58.6 % saved" in c.says)
    assert claim.agrees is True
    assert claim.says == "resnet20, ours, 16 values: 58.6 % saved, accuracy 92.5 % to 89.4 %"
    assert "+0.4 points of saving" in claim.because
    assert "nearest by datapath" in claim.because
    assert "starts -0.5 points from the paper's" in claim.because


@pytest.mark.parametrize(("saving", "accuracy"), [(0.40, 0.892), (0.59, 0.80)])
def test_a_gap_in_either_is_a_difference(saving: float, accuracy: float) -> None:
    made = table1.exhibit([int8(), result("layerwise", saving, accuracy)])
    assert next(c for c in made.claims if "58.6 % saved" in c.says).agrees is False


def test_the_accounting_that_comes_nearest_is_named() -> None:
    made = table1.exhibit([int8(), result("layerwise", 0.49, 0.892)])
    assert "nearest by functional" in next(c for c in made.claims if "58.6 % saved" in c.says).because


def test_what_is_not_measured_is_open() -> None:
    claim = next(c for c in table1.exhibit([int8(), result("layerwise", 0.5, 0.9)]).claims if "50.5 %" in c.says)
    assert claim.agrees is None
    assert claim.measured == "not measured"


def test_a_win_is_over_the_rival_at_no_less_accuracy_on_the_same_cell() -> None:
    rows = [
        int8(),
        result("layerwise", 0.50, 0.90),
        result("ours", 0.60, 0.91),
        result("ours", 0.70, 0.89),
        result("ours", 0.80, 0.92, mac="split"),
    ]
    (sentence,) = [f for f in table1.exhibit(rows).findings if f.startswith("resnet20 on array: layerwise")]
    assert sentence.endswith("ours saves 60.0 % at 91.0 %: +10.0 points.")
    alone = table1.exhibit([int8(), result("powerpruning", 0.5, 0.91), result("layerwise", 0.6, 0.90)]).findings
    assert any("nothing measured here is as accurate" in sentence for sentence in alone)


def test_who_is_as_accurate_is_told_by_validation_images() -> None:
    rows = [
        int8(),
        result("layerwise", 0.50, 0.90, validation=0.91),
        result("ours", 0.60, 0.89, validation=0.915),
        result("lucky", 0.70, 0.92, validation=0.905),
    ]
    (sentence,) = [f for f in table1.exhibit(rows).findings if f.startswith("resnet20 on array: layerwise")]
    assert sentence.endswith("no less accurate on validation images, ours saves 60.0 % at 89.0 %: +10.0 points.")


def test_the_best_within_a_loss_is_the_one_that_saves_most() -> None:
    rows = [int8(), result("a", 0.5, 0.915), result("b", 0.6, 0.911), result("c", 0.7, 0.895)]
    assert [found and found.rows for found in (best(rows, 0.01), best(rows, 0.03))] == [(rows[2].row,), (rows[3].row,)]
    assert best(rows[:1], 0.03) is None
    findings = table1.exhibit(rows).findings
    assert findings[0] == (
        "resnet20 on the array cell at no more than 1.0 points lost on validation images: b saves 60.0 % (-0.9 points"
        " on test images)."
    )


def test_what_is_chosen_is_chosen_on_validation_images() -> None:
    """c does best on the test images, which nobody may look at before the choice."""
    base = int8().row.validation_int8
    rows = [int8(), result("b", 0.6, 0.905, validation=base - 0.005), result("c", 0.7, 0.92, validation=base - 0.02)]
    found = best(rows, 0.01)
    assert found is not None
    assert found.rows == (rows[1].row,)
    assert "b saves 60.0 % (-1.5 points on test images)" in table1.exhibit(rows).findings[0]


def test_seeds_are_averaged_not_chosen_among() -> None:
    """One seed of "lucky" saves most within the loss, but its mean loses more."""
    lucky = [result("lucky", 0.7, accuracy, seed=seed) for seed, accuracy in enumerate((0.915, 0.890, 0.890))]
    steady = [result("steady", saving, 0.915, seed=seed) for seed, saving in enumerate((0.55, 0.57, 0.59))]
    one = [result("steady", 0.65, 0.915, mapped=True)]
    findings = table1.exhibit([int8(), *lucky, *steady]).findings
    assert findings[0].endswith(
        "images: steady saves 57.0 % (-0.5 points on test images; means of 3 seeds, deviations 2.0 and 0.0 points)."
    )
    assert (
        "lucky saves 70.0 % (-2.2 points on test images; means of 3 seeds, deviations 0.0 and 1.4 points)"
        in findings[1]
    )
    assert "steady (mapped) saves 65.0 %" in table1.exhibit([int8(), *steady, *one]).findings[0]
    other = [result("x", 0.5, 0.91, mac="split", seed=s, datapath_saving_over_array=0.7 + 0.1 * s) for s in (0, 1)]
    assert (
        "x on split takes 75.0 % less than int8 on the array cell (-1.0 points on test images; means of 2 seeds,"
        " deviations 7.1" in (table1.exhibit([int8(), *other]).findings[0])
    )


def test_other_cells_and_mapped_layers_do_not_answer_to_the_papers_rows() -> None:
    """The paper has one cell and lays layers out as they are."""
    setting = "ratio=0.5 values=32"
    rows = [int8()]
    for other in ({"mac": "split"}, {"mapped": True}):
        rows += [result("layerwise", 0.586, 0.889, setting=setting, **other), result("naive", 0.593, 0.596, **other)]
    rows.append(result("global", 0.4, 0.8, setting=setting, mac="split"))
    for exhibit in (table1.exhibit(rows), table3.exhibit(rows), table4.exhibit(rows)):
        assert {claim.agrees for claim in exhibit.claims} == {None}


def test_an_int8_row_shows_no_savings() -> None:
    (cells,) = shown([int8().row]).to_dicts()
    assert (cells["datapath"], cells["change"], cells["int8"]) == ("-", "-", "92.0 %")


# Table 2


def test_blocks_are_counted_as_the_paper_counts_them() -> None:
    found = blocks(resnet({}))
    assert [block.title for block in found][:3] == [
        "stem (conv1)",
        "Block 1 (Conv1, Conv2)",
        "Block 2 (Conv3, Conv4)",
    ]
    assert found[9].title == "Block 9 (Conv17, Conv18)"
    assert sum(block.share for block in found) == pytest.approx(1.0)
    assert sum(block.points for block in found) == pytest.approx(0.4)
    plain = blocks((layer("conv1"), layer("conv2")))
    assert [block.title for block in plain] == ["Block 1 (Conv1)", "Block 2 (Conv2)"]


def test_the_papers_blocks_are_compared_in_saving_and_share() -> None:
    layers = resnet({"layer1.1": 0.618})
    claims = table2.exhibit([int8(), result("layerwise", 0.5, 0.9, layers)]).claims
    claim = about(list(claims), "Block 2")
    assert claim.agrees is False
    assert "+0.0 points of saving" in claim.because
    assert "-10.3 points of share" in claim.because  # 200 of 1850 against 21.1 %
    assert len(claims) == 4


def test_what_the_papers_figures_leave_for_its_other_blocks_is_said() -> None:
    (*_, last) = table2.exhibit([int8(), result("layerwise", 0.5, 0.9)]).findings
    assert last.startswith("The paper's 4 blocks hold 56.3 % of the energy and bring 33.8 points")
    assert last.endswith("must save 56.8 %.")


# Table 3


def matched(global_: tuple[float, float], layerwise: tuple[float, float]) -> Claim:
    setting = "ratio=0.5 values=32"
    rows = [
        int8(),
        result("global", *global_, setting=setting),
        result("layerwise", *layerwise, setting=setting),
        result("layerwise", 0.9, 0.9, setting="ratio=0.7 values=32"),
    ]
    made = table3.exhibit(rows)
    assert len(made.findings) == 1
    return about(list(made.claims), "ratio 0.5, K 32")


def test_a_pair_agrees_if_layer_wise_is_ahead_in_both() -> None:
    ahead = matched((0.45, 0.89), (0.47, 0.90))
    assert (ahead.agrees, ahead.measured) == (True, "saves +2.0 points, accuracy +1.0 points")
    mixed = matched((0.45, 0.91), (0.47, 0.90))
    assert mixed.agrees is False
    assert "ahead in saving and not ahead in accuracy" in mixed.because


def test_pairs_that_were_not_measured_stay_open() -> None:
    made = table3.exhibit([int8(), result("global", 0.5, 0.9, setting="ratio=0.5 values=32")])
    assert {claim.agrees for claim in made.claims} == {None}
    assert list(made.findings) == ["No two networks here have the same ratio and values."]


# Table 4


def test_naive_networks_answer_to_the_papers_by_their_number_of_values() -> None:
    rows = [
        int8(),
        result("naive", 0.60, 0.597),
        result("naive", 0.57, 0.70, max_values_per_layer=20),
        result("layerwise", 0.55, 0.90),
    ]
    made = table4.exhibit(rows)
    assert [claim.agrees for claim in made.claims] == [True, False, False]
    assert made.findings[0].startswith("resnet20: the 16 cheapest values save 60.0 % and change the accuracy by -32.3")
    assert "layerwise  saves -5.0 points more at +30.3 points of accuracy" in made.findings[0]


# Figure 4


@pytest.mark.parametrize(("both", "agrees"), [(0.5, True), (0.32, False)])
def test_both_together_must_save_substantially_more(both: float, agrees: bool) -> None:
    rows = [int8(), result("prune", 0.3, 0.9), result("set", 0.2, 0.9), result("layerwise", both, 0.9)]
    (claim,) = figure4.exhibit(rows).claims
    assert claim.agrees is agrees
    assert "44.0 %" in claim.because  # 1 - 0.7 x 0.8


def test_without_one_of_the_three_there_is_nothing_to_judge() -> None:
    (claim,) = figure4.exhibit([int8(), result("prune", 0.3, 0.9)]).claims
    assert claim.agrees is None
    assert claim.because == "no network by set, layerwise"


# PowerPruning


def within(method: str, saving: float, accuracy: float, **changes: object) -> Result:
    """A network under a bound of 165 ps; at 0.7 V what it takes is by 0.8 of what it was."""
    own = {
        "delay_bound_ps": 165.0,
        "supply_v": 0.7,
        "unselected_supply_v": 0.75,
        "supply_origin": "a law",
        "datapath_saving_at_supply": 1 - 0.8 * (1 - saving),
        "total_saving_at_supply": 0.3,
        "functional_saving_at_supply": 0.5,
        "array_saving_at_supply": 0.5,
        "late_transitions": 0,
        "timed_tiles": 7,
    }
    return result(method, saving, accuracy, **(own | changes))


@pytest.mark.parametrize(("saving", "agrees"), [(0.74, True), (0.6, False)])
def test_the_abstracts_figure_is_held_against_what_is_saved_at_the_supply(saving: float, agrees: bool) -> None:
    made = powerpruning.exhibit([int8(), result("powerpruning", 0.9, 0.8), within("powerpruning", saving, 0.9)])
    claim = about(list(made.claims), "78.3 %")
    assert claim.agrees is agrees
    assert f"{100 * (1 - 0.8 * (1 - saving)):.1f} % of datapath at 0.7 V (-2.0 points of accuracy)" in claim.measured
    assert f"{100 * saving:.1f} % without the voltage step, total" in claim.because
    alone = powerpruning.exhibit([int8(), result("powerpruning", 0.78, 0.9), within("layerwise", 0.8, 0.9)])
    assert about(list(alone.claims), "78.3 %").agrees is None


def test_the_layer_wise_papers_rival_had_no_voltage_step() -> None:
    rows = [int8(), within("powerpruning", 0.6, 0.9), result("powerpruning", 0.5, 0.885, max_values_per_layer=32)]
    claim = about(list(powerpruning.exhibit(rows).claims), "50.9 % saved")
    assert claim.agrees is True and "50.0 % saved" in claim.measured
    assert about(list(powerpruning.exhibit(rows[:2]).claims), "50.9 % saved").agrees is None


def test_without_a_bound_the_supply_is_the_nominal_one() -> None:
    made = powerpruning.exhibit([int8(), result("powerpruning", 0.5, 0.885)])
    assert list(made.findings) == ["No network here keeps to a delay bound, so all are at the nominal supply."]
    assert "Under a delay bound" not in made.tables


def test_methods_within_a_bound_are_held_against_powerpruning_within_one() -> None:
    rows = [int8(), within("powerpruning", 0.5, 0.90), within("layerwise", 0.6, 0.91), result("layerwise", 0.7, 0.91)]
    findings = list(powerpruning.exhibit(rows).findings)
    assert findings[0] == (
        "resnet20, powerpruning within 165 ps: 16 values and 256 codes save 50.0 %, 60.0 % at 0.7 V (0.75 V needs no"
        " selection), -2.0 points of accuracy; 0 transitions late in 7 real tiles."
    )
    assert findings[2] == (
        "resnet20, layerwise within 165 ps against powerpruning within 165 ps: +8.0 points of saving at the"
        " supply, +1.0 points of accuracy."
    )
    assert findings[3] == "0.7 V: a law." and len(findings) == 4


def test_networks_of_different_bounds_are_no_seeds_of_one() -> None:
    rows = [within("a", 0.5, 0.91), within("a", 0.7, 0.90, delay_bound_ps=172.0)]
    assert [len(seeds.rows) for seeds in by_seeds(rows)] == [1, 1]


# Ablations


def test_parts_are_held_against_the_first_network_of_their_kind() -> None:
    rows = [
        int8(),
        result("layerwise", 0.5, 0.90),
        result("ours", 0.6, 0.91, mapped=True),
        result("x", 0.4, 0.9, seed=1),
    ]
    made = ablations.exhibit(rows)
    assert made.tables["Against the first"].to_dicts()[0]["datapath"] == "+10.0 points"
    assert list(made.findings) == [
        "resnet20: ours on array, mapped takes 20.0% less datapath energy than layerwise on array, at +1.0 points of"
        " accuracy."
    ]
