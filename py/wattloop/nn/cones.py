"""Which traced operations make up one float part: those that a single result is computed from."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any

from torch import fx

from wattloop.nn.requests import Kind, Request
from wattloop.nn.tracing import BatchSize, Traced


class Cones:
    """Float parts of a graph.

    An operation belongs to the part of those that read it if they are all of the same part; otherwise its own result
    becomes levels, and it is the root of a part. Movements are taken along where one part alone reads them.
    """

    def __init__(self, traced: Traced, requests: Mapping[fx.Node, Request]) -> None:
        self._traced, self._requests = traced, requests
        self._roots: dict[fx.Node, fx.Node] = {}
        for node in reversed(traced.graph.nodes):
            request = requests[node]
            readers = {
                self._roots.get(user) for user in node.users if traced.holds_tensors(user) or user.op == "output"
            }
            if len(readers) == 1 and None not in readers and (request.kind is Kind.FLOAT or request.movable):
                (reader,) = readers
                assert reader is not None
                self._roots[node] = reader
            elif request.kind is Kind.FLOAT:
                self._roots[node] = node

    def root_of(self, node: fx.Node) -> fx.Node | None:
        """The root of the part that a node belongs to, or None."""
        return self._roots.get(node)

    def _members(self, root: fx.Node) -> list[fx.Node]:
        return [node for node in self._traced.graph.nodes if self._roots.get(node) is root]

    def sources(self, root: fx.Node) -> list[fx.Node]:
        """The tensors that a part reads, in the order in which it does."""
        members = self._members(root)
        read = [source for node in members for source in node.all_input_nodes]
        inside = set(members)
        return [node for node in dict.fromkeys(read) if self._traced.from_image(node) and node not in inside]

    def title(self, root: fx.Node) -> str:
        """Where a part is and what it computes."""
        members = self._members(root)
        named = [_title(node, self._traced) for node in members if self._requests[node].kind is Kind.FLOAT]
        where = _common_path([_path(node) for node in members])
        return f"{where} ({', '.join(dict.fromkeys(named))})" if where else ", ".join(dict.fromkeys(named))

    def body(self, root: fx.Node) -> fx.GraphModule:
        """The part as a module of its own, which shares parameters and layers with the traced network."""
        copied: dict[fx.Node, Any] = {}
        graph = fx.Graph()
        for source in self.sources(root):
            copied[source] = graph.placeholder(source.name)
        first = next(iter(copied.values()))

        def argument(node: fx.Node) -> Any:
            if node in copied:
                return copied[node]
            if not self._traced.holds_tensors(node):
                return _number(graph, first, self._traced.value(node))
            return copy(node)

        def copy(node: fx.Node) -> fx.Node:
            copied[node] = graph.node_copy(node, argument)
            result: fx.Node = copied[node]
            return result

        for node in self._members(root):
            copy(node)
        graph.output(copied[root])
        return fx.GraphModule(self._traced.module, graph)


def _number(graph: fx.Graph, image: fx.Node, value: Any) -> Any:
    """A number in the new graph, where one that grows with the batch is computed from a tensor's images."""
    if isinstance(value, tuple):
        return tuple(_number(graph, image, part) for part in value)
    if not isinstance(value, BatchSize):
        return value
    size = graph.call_method("size", (image, 0))
    return size if value.factor == 1 else graph.call_function(operator.mul, (size, value.factor))


def _path(node: fx.Node) -> str:
    """The innermost module that a node belongs to."""
    stack = node.meta.get("nn_module_stack") or {}
    return str(list(stack)[-1]) if stack else ""


def _common_path(paths: list[str]) -> str:
    parts = [path.split(".") for path in paths]
    shared = []
    for level in zip(*parts, strict=False):
        if len(set(level)) > 1:
            break
        shared.append(level[0])
    return ".".join(shared)


def _title(node: fx.Node, traced: Traced) -> str:
    if node.op == "call_module":
        return type(traced.module.get_submodule(str(node.target))).__name__
    return str(getattr(node.target, "__name__", node.target))
