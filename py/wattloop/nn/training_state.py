"""The state of a training in a file, so that a killed one goes on and ends in the same bits; nothing is pickled."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from wattloop.errors import StorageError
from wattloop.nn import checkpoint
from wattloop.nn.evaluate import Score
from wattloop.nn.network import QuantizedNetwork
from wattloop.store import content_key, write_atomic

_NETWORK, _OPTIMIZER, _DATA = "network.", "optimizer.", "data."


@dataclass(frozen=True)
class EpochReport:
    """What happened in one epoch.

    Attributes:
        epoch: counted from 1.
        epochs: of the run.
        loss: mean training loss, nats.
        accuracy: share of (augmented) training images that were correct, before each step.
        seconds: wall time of the training part.
        validation: score on the validation split, if asked for.
    """

    epoch: int
    epochs: int
    loss: float
    accuracy: float
    seconds: float
    validation: Score | None


@dataclass(frozen=True)
class Checkpoint:
    """Where and how often `fit` keeps its state.

    Attributes:
        path: the file; when the training is done it keeps what came of it, for whoever called to remove.
        every: steps between two writings within an epoch; the end of an epoch is kept in any case.
        facts: what the training depends on beside network, data, settings and teacher: all that stands behind `penalty`
            and `before_step`, in words or as a hash. A state kept under other facts is not taken up.
    """

    path: Path
    every: int = 100
    facts: str = ""


@dataclass
class Progress:
    """How far a training has come.

    Attributes:
        done: steps.
        order: indices of the training images in the order of the epoch under way; empty between epochs.
        loss_sum, correct, seen: of the epoch under way; summed loss of its steps, correct images, steps.
        seconds: wall time of the epoch under way, until it was kept.
        reports: of the epochs that are complete.
    """

    done: int = 0
    order: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.int64))
    loss_sum: float = 0.0
    correct: int = 0
    seen: int = 0
    seconds: float = 0.0
    reports: list[EpochReport] = field(default_factory=list)

    def close(self, report: EpochReport) -> None:
        """Put the epoch under way among the complete ones."""
        self.reports.append(report)
        self.order = torch.empty(0, dtype=torch.int64)
        self.loss_sum, self.correct, self.seen, self.seconds = 0.0, 0, 0, 0.0


def state_key(*facts: object, networks: Mapping[str, nn.Module | None]) -> str:
    """Content key of facts and of the weights that networks start from."""
    starts = {name: None if network is None else _arrays(network) for name, network in networks.items()}
    return content_key(torch.__version__, facts, starts)


def _arrays(network: nn.Module) -> dict[str, object]:
    return {name: tensor.detach().cpu().numpy() for name, tensor in network.state_dict().items()}


def keep(
    path: Path,
    key: str,
    progress: Progress,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    random: Mapping[str, Tensor],
) -> None:
    """Write the whole state to `path`, in one step.

    Args:
        path: file, replaced as a whole.
        key: who may take it up.
        progress: of the training.
        network: with its constraints.
        optimizer: with its moments.
        random: states of generators by name, uint8.

    Raises:
        StorageError: it cannot be written.
    """
    tensors = {_NETWORK + name: tensor for name, tensor in network.state_dict().items()}
    for index, state in optimizer.state_dict()["state"].items():
        moments = {name: value for name, value in state.items() if isinstance(value, Tensor)}
        tensors |= {f"{_OPTIMIZER}{index}.{name}": value for name, value in moments.items()}
    tensors |= {_DATA + name: tensor for name, tensor in random.items()} | {f"{_DATA}order": progress.order}
    plain = {name: value for name, value in vars(progress).items() if name not in ("order", "reports")}
    header = {"key": key, "progress": plain, "reports": [asdict(report) for report in progress.reports]}
    ready = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_atomic(path, safetensors.torch.save(ready, {"wattloop": json.dumps(header)}))


@dataclass(frozen=True, eq=False)
class Kept:
    """A state that was read back.

    Attributes:
        progress: of the training.
        random: states of generators by name, uint8.
        weights: of the network.
        moments: of the optimiser, by index of the parameter and name.
    """

    progress: Progress
    random: dict[str, Tensor]
    weights: dict[str, Tensor]
    moments: dict[str, Tensor]

    def restore(self, network: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        """Bring network and optimiser to the state."""
        if isinstance(network, QuantizedNetwork):
            checkpoint.restore(network, self.weights)
        else:
            network.load_state_dict(self.weights)
        _restore_moments(optimizer, self.moments)


def read(path: Path, key: str) -> Kept | None:
    """The state in `path`; None where there is none of this key, or a damaged one.

    Raises:
        StorageError: there is one, but it cannot be read.
    """
    found = _read(path, key)
    if found is None:
        return None
    header, tensors = found
    weights, moments, data = (_named(tensors, prefix) for prefix in (_NETWORK, _OPTIMIZER, _DATA))
    reports = [EpochReport(**{**row, "validation": _score(row["validation"])}) for row in header["reports"]]
    return Kept(Progress(order=data.pop("order"), reports=reports, **header["progress"]), data, weights, moments)


def _read(path: Path, key: str) -> tuple[dict[str, Any], dict[str, Tensor]] | None:
    try:
        with safetensors.safe_open(path, "pt") as file:
            header = json.loads((file.metadata() or {}).get("wattloop", "{}"))
            if header.get("key") != key:
                return None
            return header, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except FileNotFoundError:
        return None
    except (ValueError, safetensors.SafetensorError):  # damaged: what can be computed again is no reason to stop
        return None
    except OSError as error:
        raise StorageError(f"cannot read the state of a training {path}: {error.strerror or error}") from error


def _named(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _score(row: dict[str, Any] | None) -> Score | None:
    return None if row is None else Score(**row)


@torch.no_grad()
def _restore_moments(optimizer: torch.optim.Optimizer, moments: Mapping[str, Tensor]) -> None:
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    for label, tensor in moments.items():
        index, _, name = label.partition(".")
        parameter = parameters[int(index)]
        # In the memory layout of its parameter, as the optimiser makes it: another one takes another path through the
        # vector units and rounds otherwise. (A step counter has another shape, and stays on the CPU.)
        alike = tensor.shape == parameter.shape
        optimizer.state[parameter][name] = torch.empty_like(parameter).copy_(tensor) if alike else tensor
