"""The page of a run: whole, by itself, and with what the run holds alone."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from tests.report import folders

from wattloop.compression.result import CompressionResult
from wattloop.errors import StorageError
from wattloop.report.inputs import read_run
from wattloop.report.page.one import page_of
from wattloop.report.page.render import html
from wattloop.report.write import write_pages, write_report

VOID = {"meta", "link", "img", "br", "hr", "input", "source", "base", "col"}
SECTIONS = [
    *("accuracy", "energy", "estimate", "verdict", "exploration", "mappings", "values", "cells", "transitions"),
    *("weights", "decisions", "timing", "training", "provenance"),
]


class Tree(HTMLParser):
    """Elements with their attributes and parents, and the text; refuses tags that do not close."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None], tuple[str, ...]]] = []
        self.text: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs), tuple(self._open)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs), tuple(self._open)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self._open:
            self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for found, attrs, _ in self.elements if found == tag]


def tree(folder: Path) -> Tree:
    return Tree(html(page_of(read_run(folder))))


@pytest.fixture(scope="module")
def whole(result: CompressionResult, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folders.everything(result, tmp_path_factory.mktemp("pages") / "whole")


def test_a_run_with_everything_has_every_section_in_its_order(whole: Path) -> None:
    found = tree(whole)
    anchors = [attrs["id"] for attrs in found.all("section")]
    assert anchors == SECTIONS
    linked = [attrs["href"] for _, attrs, parents in found.elements if "nav" in parents and "href" in attrs]
    assert linked == [f"#{anchor}" for anchor in anchors]


def test_the_head_says_what_was_saved_at_what_price_by_which_accounting(whole: Path) -> None:
    run = read_run(whole)
    page = page_of(run)
    assert page.facts is not None
    facts = {fact.name: (fact.value, fact.beside) for fact in page.facts.facts}
    # By hand: 1 - 1.02 (0.5 * 0.75 + 0.25) / 1.05 of the dynamic energy.
    value, error = facts["energy saved (functional, simulated tiles)"]
    assert value == f"{100 * (1 - 1.02 * 0.625 / 1.05):.1f} %"
    assert error.startswith("± ")
    assert facts["test accuracy"][0] == "\N{MINUS SIGN}0.61"
    assert facts["saved, total"][0] == "30.0 %"
    assert facts["weight values a layer"] == ("16", "of 256")


@pytest.mark.parametrize("make", [folders.everything, folders.hostile, folders.deep])
def test_a_page_loads_nothing_and_runs_nothing(make: object, result: CompressionResult, tmp_path: Path) -> None:
    folder = make(result, tmp_path / "run")  # type: ignore[operator]
    text = html(page_of(read_run(folder)))
    found = Tree(text)
    assert not {"script", "link", "iframe", "object", "embed", "base", "form"} & {tag for tag, _, _ in found.elements}
    for tag, attrs, _ in found.elements:
        assert not [name for name in attrs if name.startswith("on") or name in ("srcset", "action", "background")]
        for name in ("src", "href", "xlink:href"):
            assert (attrs.get(name) or "#").startswith(
                "data:image/png;base64," if tag == "img" and name == "src" else "#"
            )
    styles = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    assert len(styles) == 1 and "url(" not in styles[0] and "@import" not in styles[0]
    (policy,) = (attrs["content"] for attrs in found.all("meta") if "http-equiv" in attrs)
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    assert len(text) < 2_000_000


def test_hostile_names_are_shown_as_they_are(result: CompressionResult, tmp_path: Path) -> None:
    found = tree(folders.hostile(result, tmp_path / "run"))
    shown = "".join(found.text)
    assert shown.count(folders.HOSTILE) > 20
    titles = [attrs.get("alt") or attrs.get("aria-label") or "" for _, attrs, _ in found.elements]
    assert any(folders.HOSTILE in title for title in titles)


def test_every_plot_says_what_it_shows_and_every_anchor_is_there_once(whole: Path) -> None:
    found = tree(whole)
    plots = [attrs for tag, attrs, _ in found.elements if attrs.get("role") == "img"]
    assert len(plots) > 20
    assert all(attrs["aria-label"] for attrs in plots)
    assert all(attrs["alt"] for attrs in found.all("img"))
    anchors = [attrs["id"] for _, attrs, _ in found.elements if "id" in attrs]
    assert len(anchors) == len(set(anchors))
    used = {attrs["href"] for attrs in found.all("use")}
    assert used <= {f"#{anchor}" for anchor in anchors}


@pytest.mark.parametrize(
    ("make", "anchors"),
    [
        (folders.trained, ["training"]),
        (folders.mapped, ["mappings"]),
        (lambda folder: folders.cells(folder / "cells.parquet"), ["cells"]),
        (folders.joint, ["transitions"]),
        (folders.reproduced, ["exhibit", "provenance"]),
    ],
)
def test_a_run_shows_what_it_holds_and_nothing_else(make: object, anchors: list[str], tmp_path: Path) -> None:
    make(tmp_path / "run")  # type: ignore[operator]
    assert [attrs["id"] for attrs in tree(tmp_path / "run").all("section")] == anchors


def test_every_statement_of_the_paper_has_its_verdict(tmp_path: Path) -> None:
    text = "".join(tree(folders.reproduced(tmp_path / "run")).text)
    assert "58.6 % saved (table 1). Here: 69.1 %" in text
    assert "agrees" in text and "not judged" in text and "It saves more." in text


def test_the_same_run_gives_the_same_page_to_the_byte(whole: Path) -> None:
    assert html(page_of(read_run(whole))) == html(page_of(read_run(whole)))


def test_a_page_elsewhere_leaves_the_run_alone(whole: Path, tmp_path: Path) -> None:
    before = sorted(whole.rglob("*"))
    page = write_pages([whole], tmp_path / "page.html")
    assert page.read_text() == html(page_of(read_run(whole)))
    assert sorted(whole.rglob("*")) == before


def test_the_report_of_a_run_is_both_markdown_and_a_page(result: CompressionResult, tmp_path: Path) -> None:
    folder = folders.everything(result, tmp_path / "run")
    text = write_report(folder).read_text()
    assert "## Training" in text and "## Layers laid onto the array" in text
    assert (folder / "report.html").read_text().startswith("<!doctype html>")


@pytest.mark.parametrize("name", ["history.json", "savings.json", "cells.parquet", "timing", "table1.json"])
def test_damage_is_named(result: CompressionResult, tmp_path: Path, name: str) -> None:
    folder = folders.everything(result, tmp_path / "run")
    folders.reproduced(folder)
    path = folder / name
    path = path / "histogram.parquet" if path.is_dir() else path
    path.write_bytes(b'[{"x": 1}]')
    with pytest.raises(StorageError, match=f"{name}.*run"):
        read_run(folder)


def test_an_event_of_another_version_is_named_alone(result: CompressionResult, tmp_path: Path) -> None:
    folder = folders.everything(result, tmp_path / "run")
    path = folder / "compression" / "journal.jsonl"
    path.write_text('{"event": "PointFound", "method": "x"}\n{"event": "Unheard"}\n')
    assert "written by another version" in html(page_of(read_run(folder)))


def test_decisions_stand_in_the_order_in_which_they_fell(whole: Path) -> None:
    (section,) = (part for part in page_of(read_run(whole)).sections if part.anchor == "decisions")
    timeline = section.blocks[1]
    titles = [chapter.title for chapter in timeline.chapters]  # type: ignore[union-attr]
    assert titles == ["Campaign", "Layer conv2", "Layer conv1"]
    marks = [(step.about, step.mark) for step in timeline.chapters[1].steps]  # type: ignore[union-attr]
    assert marks == [("conv2", ""), ("configuration", "refused"), ("configuration", "taken"), ("settled", "done")]
