"""Figures 1 to 3 from end to end, quick: they hold what the simulator and the network gave."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from wattloop.arith.statistics import LayerStatistics
from wattloop.errors import ConfigError, ModelError
from wattloop.flow.reproduce.exhibits import EXHIBITS, reproduce_flow, usual_config
from wattloop.flow.settings import Settings, load
from wattloop.flow.training import trained_network
from wattloop.nn.trace import trace
from wattloop.power.energy_table import EnergyTable
from wattloop.runs import Run

Made = Callable[[str], tuple]


@pytest.mark.parametrize("name", ["figure1", "figure2", "figure3"])
def test_every_file_is_there_beside_the_papers_statements(made: Made, name: str) -> None:
    exhibit, out = made(name)
    found = json.loads((out / f"{name}.json").read_text())
    assert found["exhibit"] == name
    assert found["rows"]
    assert found["claims"]
    assert {"says", "place", "measured", "agrees", "because"} <= found["claims"][0].keys()
    text = (out / f"{name}.md").read_text()
    assert "## Beside the paper" in text
    assert "network key" in text
    assert pl.read_parquet(out / f"{name}.parquet").equals(exhibit.data)
    assert all((out / "plots" / f"{plot}.png").is_file() for plot in exhibit.plots)


def test_figure_1_is_the_tables_in_microwatts(made: Made) -> None:
    exhibit, out = made("figure1")
    assert exhibit.data["layer"].unique(maintain_order=True).to_list() == ["conv1", "conv2"]
    for layer in ("conv1", "conv2"):
        table = EnergyTable.load(out / "tables" / f"{layer}.parquet")
        assert table.provenance["accounting"] == "datapath"
        rows = exhibit.data.filter(layer=layer)
        assert rows["weight"].to_list() == list(range(-128, 128))
        assert rows["dynamic_uw"].to_numpy() == pytest.approx(5.0 * table.dynamic_fj)  # 1 fJ in 200 ps is 5 µW
        assert rows["error_uw"].to_numpy() == pytest.approx(5.0 * table.standard_error_fj)


def test_figure_2_counts_every_transition_in_both_views(made: Made, quick: Settings) -> None:
    data = made("figure2")[0].data
    sums = data.group_by("weight", "view").agg(pl.col("transitions").sum(), pl.col("after").max())
    assert sums["transitions"].unique().to_list() == [quick.reproduce.transitions]
    assert set(sums["weight"]) == {0, 17, 64}
    assert data.filter(view="MSB")["after"].max() == 22


def test_figure_3_is_the_statistics_of_both_halves(made: Made, quick: Settings) -> None:
    exhibit, out = made("figure3")
    trained = trained_network(quick)
    levels = trace(trained.network, trained.dataset.train.images[: quick.characterize.images], layers=["conv2"])[
        0
    ].inputs
    for layer in ("conv1", "conv2"):
        halves = [LayerStatistics.load(out / "statistics" / f"{layer}.half{half}.npz") for half in (1, 2)]
        counts = np.zeros((256, 256), np.int64)
        rows = exhibit.data.filter(layer=layer)
        counts[rows["before"], rows["after"]] = rows["count"]
        assert (counts == halves[0].activation_counts + halves[1].activation_counts).all()
        assert [half.images for half in halves] == [1, 1]
    assert set(rows["after"]) <= set(np.unique(levels).tolist())


def test_an_unknown_layer_is_named(quick: Settings, tmp_path: Path) -> None:
    wrong = replace(quick, reproduce=replace(quick.reproduce, layers=("conv9",)))
    with pytest.raises(ModelError, match="no layer conv9; it has conv1, conv2"):
        reproduce_flow("figure3", wrong, Run(tmp_path))


def test_figure_2_takes_weights_that_the_cell_holds(quick: Settings, tmp_path: Path) -> None:
    wrong = replace(quick, reproduce=replace(quick.reproduce, weights=(0, 300)))
    with pytest.raises(ConfigError, match=r"reproduce.weights: array cannot hold 300"):
        reproduce_flow("figure2", wrong, Run(tmp_path))


def test_figure_3_needs_two_images(quick: Settings, tmp_path: Path) -> None:
    wrong = replace(quick, characterize=replace(quick.characterize, images=1))
    with pytest.raises(ConfigError, match=r"characterize.images is 2 or more"):
        reproduce_flow("figure3", wrong, Run(tmp_path))


def test_an_unknown_exhibit_is_refused() -> None:
    with pytest.raises(ConfigError, match="unknown exhibit 'figure9'; known: "):
        usual_config("figure9")


@pytest.mark.parametrize("name", EXHIBITS)
def test_every_exhibit_has_settings_of_its_own(name: str) -> None:
    load(usual_config(name))
