"""Weights of a float network in a file, ours or of others: a state dict, in safetensors or as torch saves it."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from wattloop.errors import ModelError, StorageError
from wattloop.store import write_atomic

# What training scripts wrap a network in, and where they put its weights.
_PREFIX = "module."
_KEYS = ("state_dict", "model")
_COUNTER = "num_batches_tracked"


def load_float_weights(model: nn.Module, path: Path) -> None:
    """Give `model` the weights in `path`; names may carry the prefix of a parallel wrapper.

    Nothing in the file is executed (`weights_only`).

    Args:
        model: the network.
        path: `.safetensors`, or a file of `torch.save` with a state dict, alone or under "state_dict" or "model".

    Raises:
        StorageError: the file is missing, damaged, or would execute code.
        ModelError: the weights are of another network; the message names one that does not fit.
    """
    state = _read(path)
    if all(map(_prefixed, state)) and not all(map(_prefixed, model.state_dict())):
        state = {name.removeprefix(_PREFIX): tensor for name, tensor in state.items()}
    wanted = {name: tensor.shape for name, tensor in model.state_dict().items() if not name.endswith(_COUNTER)}
    given = {name: tensor.shape for name, tensor in state.items() if not name.endswith(_COUNTER)}
    wrong = sorted(name for name in wanted.keys() | given.keys() if wanted.get(name) != given.get(name))
    if wrong:
        have, want = (list(shapes[wrong[0]]) if wrong[0] in shapes else "nothing" for shapes in (given, wanted))
        raise ModelError(
            f"{path} holds the weights of another network: {wrong[0]} has {have}, the network {want};"
            f" {len(wrong)} of {len(wanted)} tensors differ"
        )
    model.load_state_dict(state, strict=False)


def save_float_weights(model: nn.Module, path: Path, *, metadata: Mapping[str, str] | None = None) -> None:
    """Write the weights of `model` as a state dict in safetensors, which `load_float_weights` reads.

    Args:
        model: the network.
        path: file, conventionally `.safetensors`; replaced as a whole.
        metadata: notes to keep with it (seeds, the recipe).

    Raises:
        StorageError: the file cannot be written.
    """
    tensors = apart({name: tensor.detach().cpu() for name, tensor in model.state_dict().items()})
    # One entry only: safetensors writes several in random order, and equal networks should be equal files.
    write_atomic(path, safetensors.torch.save(tensors, {"wattloop": json.dumps(dict(metadata or {}), sort_keys=True)}))


def _prefixed(name: str) -> bool:
    return name.startswith(_PREFIX)


def apart(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors that share no memory, as files hold them: parameters may be tied, two float parts may read the same."""
    found: dict[str, Tensor] = {}
    seen: set[int] = set()
    for name, tensor in state.items():
        memory = tensor.untyped_storage().data_ptr()
        found[name] = tensor.contiguous() if memory not in seen else tensor.clone().contiguous()
        seen.add(memory)
    return found


def read_float_notes(path: Path) -> dict[str, str]:
    """The notes that `save_float_weights` was given; none in files of others.

    Raises:
        StorageError: missing or damaged.
    """
    try:
        with safetensors.safe_open(path, "pt") as file:
            notes = json.loads((file.metadata() or {}).get("wattloop", "{}"))
    except (OSError, ValueError, safetensors.SafetensorError) as error:
        raise StorageError(f"cannot read the notes of {path}: {error}") from error
    return {str(key): str(value) for key, value in notes.items()}


def _read(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        found = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError, safetensors.SafetensorError) as error:
        raise StorageError(
            f"cannot read the weights {path}: {(str(error) or type(error).__name__).splitlines()[0]}"
        ) from error
    while isinstance(found, dict) and (inner := next((key for key in _KEYS if isinstance(found.get(key), dict)), None)):
        found = found[inner]
    if not isinstance(found, dict) or not all(isinstance(value, Tensor) for value in found.values()) or not found:
        raise StorageError(f"cannot read the weights {path}: there is no state dict in it")
    return found
