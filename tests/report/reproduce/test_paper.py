"""The paper's figures are transcribed as they stand in the paper."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from wattloop.report.reproduce import paper
from wattloop.report.reproduce.paper import PaperRow


@pytest.fixture(scope="module")
def text(shared_folder: Path) -> str:
    return (shared_folder / "paper" / "layer-wise-weight-selection.md").read_text()


def cells(text: str, table: int) -> list[list[str]]:
    """Rows of a table, the heading left out."""
    _, _, rest = text.partition(f"**Table {table}:")
    lines = rest.split("\n\n")[1].splitlines()
    return [line.split("\t") for line in lines[1:]]


def per_cent(cell: str) -> float | None:
    found = re.fullmatch(r"([\d.]+)%", cell)
    return None if found is None else round(float(found[1]) / 100, 4)


def figures(rows: Sequence[PaperRow], names: Sequence[str]) -> list[list[float | None]]:
    return [[getattr(row, name) for name in names] for row in rows]


def test_table_1(text: str) -> None:
    found = cells(text, 1)
    assert [[per_cent(c) for c in row[1:3]] + [int(row[3])] for row in found] == figures(
        paper.TABLE1, ("accuracy", "saving", "values")
    )
    words = {paper.ORIGIN: "origin", paper.RIVAL: "[15]", paper.OURS: "Ours"}
    nets = {"lenet5_wide": "LeNet-5", "resnet20": "ResNet-20", "resnet50": "ResNet-50"}
    sets = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100"}
    told = [f"{nets[row.network]}-{sets[row.dataset]} ({words[row.method]})" for row in paper.TABLE1]
    assert [row[0] for row in found] == told


def test_table_2(text: str) -> None:
    found = [[row[0], float(row[1]), int(row[2]), per_cent(row[3]), per_cent(row[4])] for row in cells(text, 2)]
    assert found == figures(paper.TABLE2, ("layers", "prune_ratio", "values", "saving", "share"))


def test_table_3(text: str) -> None:
    found = [[float(row[1]), int(row[2]), per_cent(row[3]), per_cent(row[4])] for row in cells(text, 3)]
    assert found == figures(paper.TABLE3, ("prune_ratio", "values", "saving", "accuracy"))
    told = [f"{row.layers.replace(' ', '-')}-{row.method.capitalize()}" for row in paper.TABLE3]
    assert [row[0] for row in cells(text, 3)] == told


def test_table_4(text: str) -> None:
    found = [[int(re.findall(r"\d+", row[0])[0]), per_cent(row[1]), per_cent(row[2])] for row in cells(text, 4)]
    assert found == figures(paper.TABLE4, ("values", "saving", "accuracy"))
