"""`wattloop train`, by one process and by two under torchrun."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import torch

from wattloop.nn.checkpoint import load

TINY = """
[training.pretrain]
max_steps = 6
batch_size = 32
[training.qat]
max_steps = 4
batch_size = 32
"""


COMMAND = ("train", "--config", "tiny.toml", "--out", "run", "--json")


def torchrun(folder: Path) -> subprocess.CompletedProcess[str]:
    """Trains by two processes."""
    (folder / "tiny.toml").write_text(TINY)
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    command = [*launcher, "-m", "wattloop", *COMMAND]
    path = os.pathsep.join(entry for entry in sys.path if entry)
    environment = {**os.environ, "WATTLOOP_CACHE": str(folder / "cache"), "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True, check=True, timeout=600
    )


def test_two_processes_train_one_network_and_only_the_first_speaks(tmp_path: Path, wattloop_here: Callable) -> None:
    first = json.loads(torchrun(tmp_path).stdout)  # one document, from one process
    assert [row["stage"] for row in first["history"]] == ["float", "int8"]
    assert {path.name for path in (tmp_path / "run").iterdir()} >= {"float.safetensors", "network.safetensors"}
    for kind in ("float", "network"):
        assert len([path for path in (tmp_path / "cache" / kind).iterdir() if path.is_dir()]) == 1
    assert not [path for path in (tmp_path / "cache" / "resume").iterdir() if path.is_dir()]
    # The cache is that of one process: it reads what two have trained, and so do two.
    weights = load(tmp_path / "run" / "network.safetensors").state_dict()
    for again in (
        lambda: wattloop_here(*COMMAND, WATTLOOP_CACHE=str(tmp_path / "cache")),
        lambda: torchrun(tmp_path),
    ):
        shutil.rmtree(tmp_path / "run")
        assert json.loads(again().stdout) == first
        found = load(tmp_path / "run" / "network.safetensors").state_dict()
        assert all(torch.equal(weights[name], found[name]) for name in weights)
