"""The cache of trained networks and of tables."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from wattloop.errors import StorageError
from wattloop.flow.settings import NetworkSettings, Settings, TrainingSettings
from wattloop.flow.simulator import Simulator
from wattloop.flow.training import Trained, train_flow, trained_network
from wattloop.nn.checkpoint import read_metadata
from wattloop.nn.config import TrainConfig
from wattloop.nn.float_weights import read_float_notes
from wattloop.nn.models import Normalized, build
from wattloop.nn.quantize import quantize
from wattloop.nn.trace import trace
from wattloop.nn.train import fit
from wattloop.runs import run_folder
from wattloop.store import Store


@dataclass
class Listener:
    """Notes the training steps; interrupts at the step of that number, as Ctrl-C does."""

    stop_at: int = 0
    steps: list[tuple[str, int]] = field(default_factory=list)

    @contextmanager
    def step(self, title: str) -> Iterator[object]:
        def advance(done: float, total: float, note: str = "") -> None:
            self.steps.append((title.rsplit(maxsplit=1)[-1], int(done)))
            if len(self.steps) == self.stop_at:
                raise KeyboardInterrupt

        yield advance

    def tell(self, text: str) -> None:
        pass

    @property
    def stages(self) -> set[str]:
        return {stage for stage, _ in self.steps}


def same(a: Trained, b: Trained) -> bool:
    ours, theirs = a.network.state_dict(), b.network.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


def with_qat(settings: Settings, **changes: object) -> Settings:
    training = settings.training
    return replace(settings, training=replace(training, qat=replace(training.qat, **changes)))  # type: ignore[arg-type]


def test_other_int8_settings_do_not_train_the_float_network_again(settings: Settings, tmp_path: Path) -> None:
    store, listener = Store(tmp_path), Listener()
    first = trained_network(settings, store=store)
    other = trained_network(with_qat(settings, learning_rate=0.02), store=store, progress=listener)  # type: ignore[arg-type]
    assert listener.stages == {"int8"}
    assert not same(first, other)
    distilled = replace(settings, training=replace(settings.training, distill=True))
    assert not same(first, trained_network(distilled, store=store))
    assert len(list(tmp_path.glob("float/*/"))) == 1
    assert len(list(tmp_path.glob("network/*/"))) == 3


def test_a_recipe_that_trains_no_step_does_not_tell_float_networks_apart(settings: Settings, tmp_path: Path) -> None:
    """A float network that is given stays the same one, whatever a training that does not take place would be."""
    store = Store(tmp_path)
    idle = [TrainConfig(epochs=0), TrainConfig(epochs=0, learning_rate=0.3, threads=1), TrainConfig(max_steps=0)]
    chosen = [replace(settings, training=replace(settings.training, pretrain=recipe)) for recipe in idle]
    first, *others = (trained_network(each, store=store) for each in chosen)
    assert [other.key for other in others] == [first.key] * 2


def test_the_flow_trains_as_the_pieces_do(settings: Settings) -> None:
    """What the cache holds in between changes no bit."""
    trained = trained_network(settings)
    data, training = trained.dataset, settings.training
    model = Normalized(build("lenet5", data.classes, data.channels, seed=0), *data.normalisation)
    fit(model, data, training.pretrain)
    network = quantize(model, data.train.images[: settings.network.calibration_images])
    fit(network, data, training.qat)
    assert same(trained, replace(trained, network=network))
    assert trained.teacher is not None
    assert all(torch.equal(a, b) for a, b in zip(trained.teacher.parameters(), model.parameters(), strict=True))


@pytest.mark.parametrize("stop_at", [13, 20])
def test_an_interrupted_training_goes_on(stop_at: int, settings: Settings, tmp_path: Path) -> None:
    store, first, second = Store(tmp_path), Listener(stop_at), Listener()
    with pytest.raises(KeyboardInterrupt):
        trained_network(settings, store=store, progress=first)  # type: ignore[arg-type]
    again = trained_network(settings, store=store, progress=second)  # type: ignore[arg-type]
    assert second.steps[0][1] > 1 or second.stages == {"int8"}
    undisturbed = trained_network(settings)
    assert same(again, undisturbed) and again.history == undisturbed.history
    assert not [path for path in (tmp_path / "resume").iterdir() if path.is_dir()]


def test_what_was_trained_is_not_lost_where_it_cannot_be_kept(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk, or a kill, between the last step and the cache's entry."""

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    store, expected = Store(tmp_path), trained_network(settings)
    with monkeypatch.context() as broken, pytest.raises(StorageError, match="No space left"):
        broken.setattr("wattloop.nn.checkpoint.save", full)
        trained_network(settings, store=store)
    assert [path for path in (tmp_path / "resume").iterdir() if path.is_dir()]
    monkeypatch.setattr("wattloop.nn.train._Run._step", full)
    again = trained_network(settings, store=store)
    assert again.history == expected.history
    wanted = expected.network.state_dict()
    assert all(torch.equal(tensor, wanted[name]) for name, tensor in again.network.state_dict().items())
    assert not [path for path in (tmp_path / "resume").iterdir() if path.is_dir()]


def test_a_run_keeps_both_networks_and_where_they_come_from(settings: Settings, tmp_path: Path) -> None:
    with run_folder(tmp_path / "run", command="train", settings=settings, seeds=settings.seeds) as run:
        history = train_flow(settings, run)
    weights, network = tmp_path / "run" / "float.safetensors", tmp_path / "run" / "network.safetensors"
    for notes, stage in ((read_float_notes(weights), "pretrain"), (read_metadata(network), "qat")):
        assert notes["model"] == "lenet5" and notes["seed"] == "0"
        recipe = json.loads(notes["recipe"])
        assert TrainConfig(**recipe) == getattr(settings.training, stage)
    assert float(read_float_notes(weights)["validation accuracy"]) == history[1]["validation_accuracy"]


def test_the_float_network_of_a_run_is_a_start_for_others(settings: Settings, tmp_path: Path) -> None:
    """From `float.safetensors` without further float epochs to the same int8 network; and as a checkpoint's teacher."""
    with run_folder(tmp_path / "run", command="train", settings=settings, seeds=settings.seeds) as run:
        train_flow(settings, run)
    first = trained_network(settings)
    start = str(tmp_path / "run" / "float.safetensors")
    none = TrainingSettings(replace(settings.training.pretrain, epochs=0), settings.training.qat)
    again = trained_network(replace(settings, network=NetworkSettings(initial_weights=start), training=none))
    assert same(first, again)
    given = NetworkSettings(checkpoint=str(tmp_path / "run" / "network.safetensors"), initial_weights=start)
    loaded = trained_network(replace(settings, network=given))
    assert same(first, loaded)
    assert loaded.teacher is not None and first.teacher is not None
    assert all(torch.equal(a, b) for a, b in zip(loaded.teacher.parameters(), first.teacher.parameters(), strict=True))


@pytest.mark.parametrize(
    ("name", "damage"), [("network.safetensors", b"\x10\0"), ("history.json", b"["), ("history.json", None)]
)
def test_a_damaged_network_is_trained_again(
    name: str, damage: bytes | None, settings: Settings, tmp_path: Path
) -> None:
    store = Store(tmp_path)
    first = trained_network(settings, store=store)
    (kept,) = tmp_path.glob(f"network/*/{name}")
    whole = kept.read_bytes()
    kept.unlink() if damage is None else kept.write_bytes(damage)
    again = trained_network(settings, store=store)
    assert kept.read_bytes() == whole
    assert again.history == first.history
    assert np.array_equal(again.network.integer_weight("conv2"), first.network.integer_weight("conv2"))


def test_a_damaged_table_is_measured_again(settings: Settings, tmp_path: Path) -> None:
    trained = trained_network(settings)
    traces = trace(trained.network, trained.dataset.train.images[:1], layers=["conv2"])
    simulator = Simulator.of(settings, store=Store(tmp_path))
    first = simulator.tables(traces).tables["conv2"]
    (kept,) = tmp_path.glob("table/*/table.parquet")
    kept.write_bytes(kept.read_bytes()[:500])
    again = simulator.tables(traces).tables["conv2"]
    assert np.array_equal(again.toggles, first.toggles)
    assert np.array_equal(again.dynamic_fj, first.dynamic_fj)
