"""Operations that write into their inputs: the graph goes by what they return and does not show what else changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor, fx

from wattloop.errors import ModelError

_Versions = list[tuple[fx.Node, Tensor, int]]


class Overwrites:
    """Which nodes wrote into their inputs, and which tensors lie in the same memory, noted while a graph runs."""

    def __init__(self) -> None:
        self._written: dict[fx.Node, fx.Node] = {}
        self._owners: dict[fx.Node, fx.Node] = {}

    def before(self, node: fx.Node, values: dict[fx.Node, Any]) -> _Versions:
        """The inputs of a node that is about to run, with torch's count of the writes into each."""
        return [(source, one, one._version) for source in node.all_input_nodes for one in _tensors(values[source])]

    def after(self, node: fx.Node, inputs: _Versions, result: Any, *, same: bool) -> None:
        """Note what a node did.

        Args:
            node: has run.
            inputs: what `before` gave.
            result: of the node.
            same: the graph will do without the node, so that its result is its input.
        """
        places = {one.untyped_storage().data_ptr() for one in _tensors(result)}
        self._owners[node] = node
        for source, one, version in inputs:
            if one._version != version:
                self._written[node] = source
            if same or one.untyped_storage().data_ptr() in places:
                self._owners[node] = self._owners[source]

    def refuse(self, graph: fx.Graph) -> None:
        """What was overwritten must not be read again, under whichever name.

        Raises:
            ModelError: it is.
        """
        order = {node: place for place, node in enumerate(graph.nodes)}
        for node, source in self._written.items():
            owner = self._owners[source]
            old = [each for each in order if self._owners.get(each) is owner and order[each] < order[node]]
            if any(order[user] > order[node] and self._reads(user) for each in old for user in each.users):
                raise ModelError(
                    f"{node.target if node.op == 'call_module' else node.name} changes its input in place, and that "
                    "is read again afterwards: use what it returns, as in x = relu(x)"
                )

    def _reads(self, node: fx.Node) -> bool:
        """Whether a node takes values: sizes are the same before and after."""
        return node.op == "output" or node in self._owners


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, tuple | list):
        for part in value:
            yield from _tensors(part)
