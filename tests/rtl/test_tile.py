"""The array with its memories: tiles of several sizes, on both simulators."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from wattloop.gates.spec import ArraySpec, MacSpec

SPECS = {
    "one cell": ArraySpec(rows=1, cols=1, pixels=2),
    "wide": ArraySpec(rows=3, cols=7, pixels=5, mac=MacSpec(reset="sync", activation_signed=True)),
    "tall": ArraySpec(rows=9, cols=4, pixels=1, mac=MacSpec(multiplier="booth")),
    "square": ArraySpec(rows=8, cols=8, pixels=8),
    "preload": ArraySpec(rows=4, cols=5, pixels=3, psum_preload=True),
    "sign and magnitude": ArraySpec(rows=6, cols=5, pixels=4, mac=MacSpec(multiplier="sign_magnitude")),
    "one cell, preload": ArraySpec(rows=1, cols=1, pixels=1, mac=MacSpec(reset="sync"), psum_preload=True),
}


@pytest.mark.parametrize("name", SPECS)
def test_tiles_of_an_array(run_tile_top: Callable[..., int], simulator: str, name: str) -> None:
    assert run_tile_top(simulator, SPECS[name], tiles=3) == 8


def test_full_size_tile_on_verilator(run_tile_top: Callable[..., int]) -> None:
    """Of the default cell; docs/templates.md has the figures of all."""
    assert run_tile_top("verilator", ArraySpec(), tiles=2) == 8
