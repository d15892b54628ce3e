"""States of quantised networks as bytes."""

from __future__ import annotations

import safetensors.torch
import torch

from wattloop.compression.network import State

# No module of torch can have a name with a slash and no dot, so no tensor of a network is called this.
_EPOCHS = "/epochs"


class StateCodec:
    """Implements `wattloop.compression.remember.Codec` for `NetworkSubject`."""

    def encode(self, snapshot: object) -> bytes:
        """Tensors in the order of their names, without anything else: equal states are equal bytes."""
        if not isinstance(snapshot, State):
            raise TypeError(f"not a state of a network: {type(snapshot).__name__}")
        tensors = {name: tensor.cpu().contiguous() for name, tensor in sorted(snapshot.tensors.items())}
        return safetensors.torch.save(tensors | {_EPOCHS: torch.tensor(snapshot.epochs)})

    def decode(self, state: bytes) -> State:
        """What `encode` wrote."""
        tensors = safetensors.torch.load(state)
        return State(tensors, int(tensors.pop(_EPOCHS)))
