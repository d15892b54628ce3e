"""Every cell of a small array against the golden streams, on both simulators."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from wattloop.gates.spec import ArraySpec, MacSpec
from wattloop.gates.templates import templates

SPECS = {
    **{name: ArraySpec(rows=3, cols=2, pixels=3, mac=cell) for name, cell in templates().items() if name != "array"},
    "array, async reset": ArraySpec(rows=4, cols=3, pixels=5),
    "array, preload": ArraySpec(rows=3, cols=4, pixels=2, psum_preload=True),
    "sign and magnitude, preload, sync reset": ArraySpec(
        rows=2, cols=3, pixels=4, mac=MacSpec(multiplier="sign_magnitude", reset="sync"), psum_preload=True
    ),
    "booth, sync reset": ArraySpec(
        rows=3, cols=4, pixels=4, mac=MacSpec(multiplier="booth", activation_signed=True, reset="sync")
    ),
}


@pytest.mark.parametrize("name", SPECS)
def test_every_cell_follows_the_golden_streams(run_array: Callable[..., int], simulator: str, name: str) -> None:
    assert run_array(simulator, SPECS[name]) == 2
