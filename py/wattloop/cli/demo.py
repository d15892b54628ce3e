"""`wattloop demo` (`make demo`): the main job from end to end on data that ships with a dependency."""

from __future__ import annotations

from pathlib import Path

from wattloop.cli import output, summary
from wattloop.cli.options import Config, Data, Json, Out, Seed, Set, Simulator, overrides
from wattloop.cli.progress import ConsoleProgress


def command(
    config: Config = None,
    assignments: Set = None,
    data_root: Data = None,
    simulator: Simulator = None,
    seed: Seed = None,
    out: Out = Path("runs/demo"),
    as_json: Json = False,
) -> None:
    """RTL, gates, energy by weight value, a trained LeNet-5, its compression and a report, in minutes.

    Example: wattloop demo --simulator icarus --out runs/demo-icarus
    """
    from wattloop.flow.demo import demo_config, demo_flow
    from wattloop.flow.settings import load, seeded
    from wattloop.runs import run_folder

    named = overrides(None, network__data_root=data_root, characterize__simulator=simulator)
    settings = load(config or demo_config(), named | seeded(seed) | overrides(assignments))
    with run_folder(out, command="demo", settings=settings, seeds=settings.seeds) as run:
        result = demo_flow(settings, run, progress=ConsoleProgress())
    if as_json:
        output.print_json(summary.figures(result, out))
    else:
        summary.print_result(result, out)
