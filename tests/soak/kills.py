"""Kill commands with SIGKILL at random moments, start them again, and hold what they end with against undisturbed runs.

    python tests/soak/kills.py --kills 200 --seed 0 --json kills.json

Every round takes a command and a cache in which a random part is missing, and kills the command (its whole process
group) at moments drawn uniformly from the time that it takes, until it is through. After each kill there must be no
run folder, and at the end one that is equal to that of an undisturbed run, file by file. After `PATIENCE` kills a
round is left to itself: a command that always began anew would never end.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = Path(__file__).with_name("soak.toml")
COMMANDS = {
    "characterize": ["characterize"],
    "estimate": ["estimate", "--images", "2", "--tiles", "8"],
    "train": ["train"],
    "compress": ["compress"],
}
PATIENCE = 12
# Of when and how fast, not of what: a resumed run may differ in it.
_PASSING = ("started", "seconds")


@dataclass
class Tally:
    """What happened to one command.

    Attributes:
        seconds: that it takes undisturbed, with a cache that holds nothing but compiled programs.
        rounds: runs that were killed at least once and came to their end.
        kills: how often.
        too_late: kills that came after the command had ended.
        differing: rounds that ended with other files than the undisturbed run, with their names.
        left_behind: kills after which a run folder stood, or rounds with another exit status than 0.
    """

    seconds: float = 0.0
    rounds: int = 0
    kills: int = 0
    too_late: int = 0
    differing: list[str] = field(default_factory=list)
    left_behind: list[str] = field(default_factory=list)


def digest(run: Path) -> dict[str, str]:
    """SHA-256 of every file of a run, but of its log and of when it was made."""
    found, started = {}, json.loads((run / "provenance.json").read_bytes())["started"].encode()
    for path in sorted(path for path in run.rglob("*") if path.is_file() and path.name != "log.txt"):
        data = path.read_bytes()
        if path.name == "provenance.json":
            facts = {name: value for name, value in json.loads(data).items() if name not in _PASSING}
            data = json.dumps(facts).encode()
        data = data.replace(started, b"")  # it stands in the report too
        found[str(path.relative_to(run))] = hashlib.sha256(data).hexdigest()
    return found


def start(name: str, out: Path, cache: Path) -> subprocess.Popen[bytes]:
    """The command in a process group of its own."""
    log = out.with_suffix(".log").open("ab")
    return subprocess.Popen(
        [sys.executable, "-m", "wattloop", *COMMANDS[name], "--config", str(SETTINGS), "--out", str(out)],
        cwd=ROOT,
        env=os.environ | {"WATTLOOP_CACHE": str(cache), "OMP_NUM_THREADS": "1"},
        stdout=log,
        stderr=log,
        start_new_session=True,
    )


def undisturbed(name: str, place: Path, programs: Path) -> tuple[dict[str, str], float]:
    """What the command ends with and the seconds that it takes; its cache stays at `place / "cache"`."""
    shutil.copytree(programs, place / "cache")
    began = time.monotonic()
    if start(name, place / "run", place / "cache").wait() != 0:
        raise SystemExit(f"{name} fails undisturbed: {(place / 'run.log').read_text()}")
    return digest(place / "run"), time.monotonic() - began


def partial(cache: Path, place: Path, chance: random.Random) -> None:
    """A copy of a cache that lacks each entry with even odds."""
    shutil.copytree(cache, place)
    for entry in sorted(path for kind in place.iterdir() for path in kind.iterdir()):
        if chance.random() < 0.5:
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


def one_round(
    name: str, place: Path, full: Path, expected: dict[str, str], tally: Tally, chance: random.Random
) -> None:
    """Kill and start again until the command is through."""
    partial(full, place / "cache", chance)
    out, kills = place / "run", 0
    while True:
        run = start(name, out, place / "cache")
        if kills < PATIENCE:
            try:
                run.wait(chance.uniform(0.0, tally.seconds))
            except subprocess.TimeoutExpired:
                os.killpg(run.pid, signal.SIGKILL)
                run.wait()
                kills += 1
                if out.exists():
                    tally.left_behind.append(f"{name}: a run folder after kill {kills} of round {tally.rounds + 1}")
                continue
            tally.too_late += 1
        status = run.wait()
        break
    if status != 0:
        tally.left_behind.append(f"{name}: exit status {status}: {out.with_suffix('.log').read_text()[-500:]}")
    elif (found := digest(out)) != expected:
        names = sorted(file for file in expected | found if expected.get(file) != found.get(file))
        tally.differing.append(f"{name}, after {kills} kills: {', '.join(names)}")
    tally.kills += kills
    tally.rounds += kills > 0


def soak(kills: int, seed: int, place: Path) -> dict[str, Tally]:
    """Rounds of all commands in turn until there were so many kills in all.

    Args:
        kills: at least so many.
        seed: of moments and of what the caches lack; how far a command gets by then is up to the machine.
        place: an empty folder.
    """
    chance = random.Random(seed)
    programs = place / "programs"
    start("estimate", place / "first", programs).wait()
    for kind in sorted(path.name for path in programs.iterdir()):
        if kind not in ("bitparallel", "netlist", "liberty", "loads"):
            shutil.rmtree(programs / kind)
    tallies, expected = {name: Tally() for name in COMMANDS}, {}
    for name, tally in tallies.items():
        expected[name], tally.seconds = undisturbed(name, place / name, programs)
        print(f"{name}: {tally.seconds:.1f} s undisturbed", file=sys.stderr, flush=True)
    number = 0
    while sum(tally.kills for tally in tallies.values()) < kills:
        number += 1
        for name, tally in tallies.items():
            folder = place / f"round{number}-{name}"
            folder.mkdir()
            one_round(name, folder, place / name / "cache", expected[name], tally, chance)
            shutil.rmtree(folder)
            wrong = "; ".join(tally.differing + tally.left_behind) or "all equal"
            print(f"{number} {name}: {tally.kills} kills, {wrong}", file=sys.stderr, flush=True)
    return tallies


def main() -> int:
    """Print the tallies; 1 if a run differed or anything was left behind."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="where the tallies go")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="wattloop-soak-") as place:
        tallies = soak(chosen.kills, chosen.seed, Path(place))
    text = json.dumps({name: asdict(tally) for name, tally in tallies.items()}, indent=2)
    print(text)
    if chosen.json:
        chosen.json.write_text(text + "\n")
    return int(any(tally.differing or tally.left_behind for tally in tallies.values()))


if __name__ == "__main__":
    sys.exit(main())
