"""Simulations of many netlists side by side, which run for less time than they compile."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from wattloop.activity.cosim import runner


@pytest.fixture(scope="module", autouse=True)
def _compiled_soon() -> Iterator[None]:
    """Without optimisation; tests/activity/test_cosim.py compiles as users do."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(runner._MAKE_ARGS, True, runner._MAKE_ARGS[False])
        yield
