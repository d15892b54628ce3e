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


# Verilator takes seconds to build each. It gets those that differ in more than what stands between `w_q` and `p_q`,
# which tests of the cell alone (test_mac.py) take to it in every template.
VERILATOR = (
    "array, async reset",
    "array, preload",
    "sign and magnitude, preload, sync reset",
    "booth, sync reset",
    "array_signed",
    "array_gated",
    "shift",
    "minifloat",
)


@pytest.mark.parametrize(
    ("simulator", "name"), [*(("icarus", name) for name in SPECS), *(("verilator", name) for name in VERILATOR)]
)
def test_every_cell_follows_the_golden_streams(run_array: Callable[..., int], simulator: str, name: str) -> None:
    assert run_array(simulator, SPECS[name]) == 2
