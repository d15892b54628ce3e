"""Descriptions of steps in checkpoints: what is damaged in one is one clear error."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import safetensors
import safetensors.torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.nn.interchange.mobile import Mobile
from tests.nn.interchange.test_onnx_export import small, tables
from torch import nn

from wattloop.errors import ModelError, WattloopError
from wattloop.nn import checkpoint
from wattloop.nn.interchange.onnx_export import save_onnx
from wattloop.nn.interchange.onnx_import import load_onnx
from wattloop.nn.interchange.program import describe


@pytest.fixture(scope="module", params=[lambda: small("residual"), lambda: tables(Mobile)], ids=["residual", "mobile"])
def kept(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kept")
    save_onnx(request.param(), folder / "model.onnx")
    checkpoint.save(load_onnx(folder / "model.onnx"), folder / "kept.safetensors")
    return folder / "kept.safetensors"


def changed(kept: Path, change: Any) -> Path:
    with safetensors.safe_open(kept, "pt") as file:
        header = json.loads(file.metadata()["wattloop"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    change(header["architecture"]["program"])
    path = kept.with_name("changed.safetensors")
    path.write_bytes(safetensors.torch.save(tensors, {"wattloop": json.dumps(header)}))
    return path


def test_a_description_is_the_same_after_saving(kept: Path) -> None:
    network = checkpoint.load(kept)
    assert network.architecture is not None
    assert describe(network) == network.architecture.program


@pytest.mark.parametrize(
    "change",
    [
        lambda program: program["nodes"].pop(0),
        lambda program: program["nodes"].append(copy.deepcopy(program["nodes"][0])),
        lambda program: program["nodes"][0].update(kind="os.system"),
        lambda program: program["nodes"][0].update(name="train"),
        lambda program: program["nodes"][0].update(groups=0),
        lambda program: program.update(output=["nowhere", "nowhere"]),
        lambda program: program.pop("nodes"),
        lambda program: program["nodes"][1].update(name="stem.module"),
    ],
)
def test_a_damaged_description_is_one_clear_error(kept: Path, change: Any) -> None:
    with pytest.raises(ModelError, match=r"changed\.safetensors") as caught:
        checkpoint.load(changed(kept, change))
    assert "\n" not in str(caught.value)


values = st.sampled_from([None, -1, 0, 1, 1 << 70, "x", "input", [], [1, 2], [[0]], {}, True, 0.5])


@settings(max_examples=100)
@given(st.data())
def test_whatever_stands_in_a_description_is_taken_or_refused(kept: Path, data: st.DataObject) -> None:
    def change(program: dict[str, Any]) -> None:
        node = data.draw(st.sampled_from(program["nodes"]))
        node[data.draw(st.sampled_from(sorted(node)))] = data.draw(values)

    path = changed(kept, change)
    try:
        checkpoint.load(path)
    except WattloopError as error:
        assert "\n" not in str(error)


def test_a_step_without_description_is_named() -> None:
    network = small("residual")
    name = next(iter(network.ops))
    network.ops[name] = nn.Sigmoid()
    with pytest.raises(ModelError, match=f"{name}: a Sigmoid"):
        describe(network)
