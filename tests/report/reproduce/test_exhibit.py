"""An exhibit as files: for readers, for programs, for further work."""

from __future__ import annotations

import json
import math
from pathlib import Path

import polars as pl
import pytest

from wattloop.report.plotting import new_figure
from wattloop.report.reproduce.exhibit import Claim, Exhibit, claims_table

CLAIMS = (
    Claim("it rises", "section 1", "it does", True, "by 3 %"),
    Claim("it falls", "section 2", "it rises", False, "by 4 %"),
    Claim("it shines", "section 3", "0.5", None, "no figure"),
)


@pytest.fixture
def made() -> Exhibit:
    figure = new_figure(2.0, 2.0)
    figure.add_subplot().plot([0, 1])
    data = pl.DataFrame({"w": [1, 2], "fj": [0.5, math.nan]})
    return Exhibit(
        name="figure9",
        title="A title",
        place="figure 9",
        data=data,
        rows=data.to_dicts(),
        claims=CLAIMS,
        findings=["It is so."],
        tables={"All": pl.DataFrame({"a|b": ["x|y"]})},
        plots={"figure9": figure},
    )


def test_every_kind_of_file_is_written(made: Exhibit, tmp_path: Path) -> None:
    path = made.write(tmp_path, {"seed": "0"})
    assert path == tmp_path / "figure9.md"
    text = path.read_text()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("|")]
    assert ["it falls (section 2)", "it rises", "differs", "by 4 %"] in cells
    assert "x\\|y" in text
    assert "- It is so." in text
    assert "| seed" in text
    for line in text.splitlines():
        if line.startswith("!["):
            assert (tmp_path / line.partition("](")[2].rstrip(")")).stat().st_size > 1000
    assert pl.read_parquet(tmp_path / "figure9.parquet")["w"].to_list() == [1, 2]


def test_numbers_that_json_lacks_are_null(made: Exhibit, tmp_path: Path) -> None:
    made.write(tmp_path)
    found = json.loads((tmp_path / "figure9.json").read_text(), parse_constant=pytest.fail)
    assert [row["fj"] for row in found["rows"]] == [0.5, None]
    assert [claim["agrees"] for claim in found["claims"]] == [True, False, None]


def test_claims_say_their_verdict() -> None:
    assert claims_table(CLAIMS)["verdict"].to_list() == ["agrees", "differs", "-"]
