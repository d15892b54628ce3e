"""The float network is another one in the cache as soon as anything changed that it depends on."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from wattloop.errors import ConfigError, ModelError
from wattloop.flow.network_settings import NetworkSettings
from wattloop.flow.progress import SILENT
from wattloop.flow.settings import Settings
from wattloop.flow.training import load_dataset
from wattloop.flow.training_stages import Stages
from wattloop.nn.architecture import OwnArchitecture
from wattloop.nn.models import architecture_of, build_own
from wattloop.store import Store

FILES = {
    "net.py": """
from torch import nn
import key_layers

class Net(key_layers.Base):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))

def make():
    net = Net().body if key_layers.PLAIN else Net()
    # more
    return net
""",
    "key_layers.py": """
from torch import nn
PLAIN = False

class Base(nn.Module):
    def forward(self, x):
        return self.body(x)
""",
    "data.py": """
import numpy as np
from wattloop import as_dataset

def make():
    r = np.random.default_rng(0)
    pairs = [(r.integers(0, 256, (1, 8, 8), dtype=np.uint8), i % 2) for i in range(60)]
    return as_dataset(pairs[:40], pairs[40:50], pairs[50:], flip=False, crop_padding=0)
""",
}
CHANGES = {
    "fresh weights": ("net.py", "# more", "nn.init.zeros_(net.body[3].weight)"),
    "frozen weights": ("net.py", "# more", "net.requires_grad_(False)"),
    "base class": ("key_layers.py", "self.body(x)", "-self.body(x)"),
    "helper module": ("key_layers.py", "PLAIN = False", "PLAIN = True"),
    "flips": ("data.py", "flip=False", "flip=True"),
    "shifts": ("data.py", "crop_padding=0", "crop_padding=2"),
    "validation": ("data.py", "pairs[40:50]", "pairs[41:50]"),
}


def float_key(folder: Path, files: dict[str, str]) -> str:
    for name, text in files.items():
        (folder / name).write_text(text)
    settings = Settings(network=NetworkSettings(model=f"{folder}/net.py:make", dataset=f"{folder}/data.py:make"))
    return Stages(settings, load_dataset(settings), Store(folder / "cache"), SILENT).float_key()


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_another_network(tmp_path: Path, change: str) -> None:
    name, old, new = CHANGES[change]
    assert old in FILES[name]
    key = float_key(tmp_path, FILES)
    assert float_key(tmp_path, FILES | {name: FILES[name].replace(old, new)}) != key
    assert float_key(tmp_path, FILES) == key


def test_an_edit_while_it_trains_is_left_for_the_next_time(tmp_path: Path) -> None:
    float_key(tmp_path, FILES)
    settings = Settings(network=NetworkSettings(model=f"{tmp_path}/net.py:make", dataset=f"{tmp_path}/data.py:make"))
    stages = Stages(settings, load_dataset(settings), Store(tmp_path / "cache"), SILENT)
    key = stages.float_key()
    (tmp_path / "net.py").write_text(FILES["net.py"].replace("# more", "net.body.append(nn.ReLU())"))
    assert str(stages.plain()) == str(stages.plain())
    assert "(4): ReLU" not in str(stages.plain())
    assert stages.float_key() == key


def test_an_argument_that_no_checkpoint_holds_is_refused(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text("from torch import nn\n\ndef make(**given):\n    return nn.Flatten()\n")
    with pytest.raises(ModelError, match=r"network\.arguments: .*date"):
        build_own(f"{tmp_path}/net.py:make", {"day": date(2020, 1, 1)})
    made = architecture_of(build_own(f"{tmp_path}/net.py:make", {"sizes": (1, 2)}))
    assert isinstance(made, OwnArchitecture) and made.arguments == {"sizes": [1, 2]}


def test_a_normalisation_of_other_channels_is_refused(tmp_path: Path) -> None:
    float_key(tmp_path, FILES)
    network = NetworkSettings(f"{tmp_path}/net.py:make", f"{tmp_path}/data.py:make", mean=(0.5, 0.5), std=(1.0, 1.0))
    settings = Settings(network=network)
    with pytest.raises(ConfigError, match=r"network\.mean: 2 numbers for images of 1 channels"):
        Stages(settings, load_dataset(settings), Store(tmp_path / "cache"), SILENT).float_key()


def test_what_cannot_be_quantised_is_refused_before_training(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="RReLU"):
        float_key(tmp_path, FILES | {"net.py": FILES["net.py"].replace("nn.ReLU()", "nn.RReLU()")})
