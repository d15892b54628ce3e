"""The report of a run: a page of HTML, Markdown and PNG, from stored results only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from wattloop.power.exploration import Exploration
from wattloop.report import (
    bounded,
    energy_plots,
    estimates,
    exploration,
    networks,
    statistics,
    tables,
    timing,
    tradeoff_plot,
    verdict,
    weight_plots,
)
from wattloop.report.inputs import Compression, StoredRun, Transitions, read_run
from wattloop.report.page.comparison import write_comparison
from wattloop.report.page.one import FILE, write_run_page
from wattloop.report.plotting import save_png
from wattloop.report.units import ACCOUNTINGS, percent
from wattloop.report.value_curves import curves_of, layer_curves
from wattloop.store import write_atomic

REPORT = "report.md"
PLOTS = "plots"


def write_report(run_folder: Path) -> Path:
    """Write `report.html`, `report.md` and `plots/*.png` into a run folder.

    Args:
        run_folder: holds the results of any command that makes one, and beside them `provenance.json` and
            `config.toml`; see `StoredRun`.

    Returns:
        Path of the Markdown file.

    Raises:
        StorageError: nothing to report on, a file missing, empty or damaged, or the folder cannot be written.
    """
    run = read_run(run_folder)
    sections = [f"# {run.title}", *_sections(run, run_folder / PLOTS)]
    path = run_folder / REPORT
    write_atomic(path, "\n\n".join(sections) + "\n")
    write_run_page(run, run_folder / FILE)
    return path


def write_pages(run_folders: Sequence[Path], path: Path) -> Path:
    """Write the page of a run, or of several the comparison, to a place of one's own; the runs are left alone.

    Raises:
        StorageError: nothing to report on, a file missing, empty or damaged, or the page cannot be written.
    """
    runs = [read_run(folder) for folder in run_folders]
    return write_run_page(runs[0], path) if len(runs) == 1 else write_comparison(runs, path)


def _sections(run: StoredRun, plots: Path) -> Iterator[str]:
    if run.compression is not None:
        yield from _compression(run.compression, plots)
    if run.estimate is not None:
        yield "## Energy of the layers"
        yield estimates.precision_of(run.estimate)
        yield tables.markdown(estimates.by_layer(run.estimate))
        yield estimates.legend(run.estimate)
        yield "### Table against tiles"
        yield tables.markdown(estimates.table_against_tiles(run.estimate))
        yield estimates.COMPARISON
        picture = estimates.energy_of_layers(run.estimate)
        yield _picture(picture, plots, "energy_of_layers", "Energy of each layer by table and by simulated tiles")
        yield "### Energy of the layers by origin"
        yield tables.markdown(estimates.by_origin(run.estimate))
    if run.transitions is not None:
        yield from _transitions(run.transitions, plots)
    if run.verdict:
        yield "## Tables against exact simulation"
        yield tables.markdown(verdict.by_network(run.verdict))
        yield " ".join(verdict.in_words(run.verdict))
        yield tables.markdown(verdict.by_layer(run.verdict))
        yield verdict.CONVENTIONS
        yield _picture(verdict.errors_of_layers(run.verdict), plots, "errors_of_layers", "Error of each layer by model")
    if run.exploration is not None:
        yield from _exploration(run.exploration, plots)
    if run.timing is not None:
        yield "## Settling times"
        yield tables.markdown(timing.by_method(run.timing.methods))
        yield timing.METHODS
        bound = run.provenance.get("bound_ps")
        picture = timing.by_weight(run.timing.weights, None if bound is None else float(bound))
        yield _picture(picture, plots, "settling_by_weight", "Settling times by weight, with the longest path")
    yield from _plain(run)
    for accounting, curves in curves_of(run.tables).items():
        figure = energy_plots.energy_by_value(curves, accounting)
        yield "## Energy by weight value"
        yield _picture(figure, plots, f"energy_by_value_{accounting}", "Energy of a MAC cycle by weight value")
        yield f"Accounting `{accounting}`: {ACCOUNTINGS.get(accounting, 'as named by its origin')}."
    yield from _provenance(run)


def _plain(run: StoredRun) -> Iterator[str]:
    """Results of commands that have no section of their own."""
    if run.history:
        yield "## Training"
        yield tables.markdown(tables.figures_of(run.history))
    if run.mappings:
        yield "## Layers laid onto the array"
        yield tables.markdown(tables.savings(run.mappings))
    if run.exhibit is not None:
        yield f"The exhibit itself: [{run.exhibit['exhibit']}.md]({run.exhibit['exhibit']}.md)."


def _exploration(found: Exploration, plots: Path) -> Iterator[str]:
    for title, table in exploration.tables(found).items():
        yield f"## {title}"
        yield tables.markdown(table)
    yield exploration.ACCOUNTINGS
    picture = exploration.pareto_plot(found)
    yield _picture(picture, plots, "pareto", "Datapath energy against area and critical path, with Pareto fronts")


def _compression(compression: Compression, plots: Path) -> Iterator[str]:
    yield "## Accuracy"
    yield tables.markdown(tables.accuracies(compression))
    bound = percent(compression.summary["bound"])
    yield (
        f"Every decision was taken on validation, which was not to fall below {bound}; "
        "the test set was looked at once, at the end. ± is one standard error of so many images. The compressed "
        "network was fine-tuned beyond the training of the int8 one."
    )
    if compression.summary["out_of_time"]:
        yield "The hours were spent before the methods were done: this is the best so far."
    yield from _networks(compression, plots)
    yield "## Energy"
    yield tables.markdown(tables.totals(compression))
    yield _conventions(compression)
    picture = energy_plots.energy_by_layer(compression)
    yield _picture(picture, plots, "energy_by_layer", "Energy by layer before and after, by origin")
    if tradeoff_plot.describes(compression):
        picture = tradeoff_plot.accuracy_against_energy(compression)
        yield _picture(picture, plots, "accuracy_against_energy", "Accuracy against energy")
    yield "## Layers"
    yield tables.markdown(tables.by_layer(compression))
    yield "### Energy by origin"
    yield tables.markdown(tables.by_origin(compression))
    yield from _table_against_tiles(compression)
    yield from _weights(compression, plots)
    yield from _journal(compression)
    if curves := layer_curves(compression):
        picture = energy_plots.energy_by_value(curves, _accounting(compression))
        yield "## Energy by weight value, as the loop saw it"
        yield _picture(picture, plots, "energy_by_value_of_layers", "E(w) of each layer of the int8 network")


def _networks(compression: Compression, plots: Path) -> Iterator[str]:
    if not compression.rows:
        return
    yield "## Networks"
    yield tables.markdown(networks.table(compression))
    yield networks.conventions(compression)
    picture = networks.accuracy_against_energy(compression)
    yield _picture(picture, plots, "networks", "Test accuracy against the energy left, every network")
    yield tables.markdown(networks.energies(compression))
    yield from bounded.sections(compression)
    yield "The sections below are of the network marked `best`, or of the int8 one where there is none."


def _transitions(found: Transitions, plots: Path) -> Iterator[str]:
    yield "## What the MACs see"
    yield tables.markdown(statistics.by_layer(found.quality))
    yield statistics.CONVENTIONS
    for figure, name, caption in (
        (statistics.by_hamming(found.costs), "energy_by_hamming_distance", "Energy by Hamming distance"),
        (statistics.by_highest_bit(found.costs), "energy_by_highest_bit", "Energy by highest bit before and after"),
        (statistics.activation_heat_maps(found.layers), "activation_transitions", "Activation transitions by layer"),
        (statistics.group_heat_maps(found.layers), "group_transitions", "Transitions between partial-sum groups"),
    ):
        yield _picture(figure, plots, name, caption)


def _accounting(compression: Compression) -> str:
    return str(compression.energies["accounting"][0])


def _conventions(compression: Compression) -> str:
    lines = [
        "Dynamic energy of one image on the active PEs of the array, of the layers listed below only; ± is one "
        "standard error, and that of a saving takes the figures before and after as independent. A table's is that of "
        "the transitions sampled, the tiles' that of the tiles sampled: neither holds the choice of images."
    ]
    names = compression.energies["accounting"].unique(maintain_order=True)
    lines += [f"`{name}`: {ACCOUNTINGS.get(name, 'as named by its origin')}." for name in names]
    return " ".join(lines)


def _table_against_tiles(compression: Compression) -> Iterator[str]:
    compared = tables.table_against_tiles(compression)
    if compared is None:
        yield "No tiles were simulated: the energies are the table's estimate."
        return
    yield "### Table against simulated tiles"
    yield tables.markdown(compared)
    yield (
        "Dynamic energy of one MAC cycle of the active PEs. The table comes from training images, the tiles from test "
        "images, so the difference holds the sampling of both beside the table's own error."
    )


def _weights(compression: Compression, plots: Path) -> Iterator[str]:
    yield "## Weights"
    picture = weight_plots.kept_sets(compression)
    yield _picture(picture, plots, "kept_sets", "Weight values kept by layer")
    yield tables.markdown(tables.kept_sets(compression))
    picture = weight_plots.weight_histograms(compression)
    yield _picture(picture, plots, "weight_histograms", "Weight histograms before and after")


def _journal(compression: Compression) -> Iterator[str]:
    yield "## Decisions"
    tried = tables.decisions(compression)
    yield "Nothing was tried." if tried.is_empty() else tables.markdown(tried)


def _picture(figure: Figure, plots: Path, name: str, caption: str) -> str:
    save_png(figure, plots / f"{name}.png")
    return f"![{caption}]({plots.name}/{name}.png)"


def _provenance(run: StoredRun) -> Iterator[str]:
    facts: dict[str, object] = dict(run.provenance)
    if run.compression is not None:
        facts.setdefault("compression seed", run.compression.summary["config"]["seed"])
        for name, version in run.compression.summary["versions"].items():
            facts.setdefault(name, version)
    yield "## Provenance"
    if facts:
        yield tables.markdown(tables.pairs(facts))
    if run.tables:
        common, own = tables.table_provenance(run.tables)
        yield "Tables of energy by weight value:"
        yield tables.markdown(tables.pairs(common))
        yield tables.markdown(own)
    if run.settings:
        yield "Settings:"
        yield f"```toml\n{run.settings.rstrip()}\n```"
