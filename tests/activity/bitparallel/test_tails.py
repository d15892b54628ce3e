"""Settling with tails: the latest of the observed nets' last changes, each with its own steps added."""

from __future__ import annotations

import numpy as np
import pytest
from tests.activity.bitparallel.random_netlists import LIBRARY, cells, vectors

from wattloop.activity.bitparallel.engine import Engine, Timing
from wattloop.activity.bitparallel.random_netlist import random_netlist
from wattloop.activity.bitparallel.timed_program import with_tails
from wattloop.errors import ConfigError
from wattloop.gates.libraries import resolve


def engine_of(seed: int) -> Engine:
    rng = np.random.default_rng(seed)
    netlist = random_netlist(resolve(LIBRARY), cells(), lambda low, high: int(rng.integers(low, high + 1)))
    return Engine(netlist, Timing(5.0), threads=1)


@pytest.mark.parametrize("seed", range(6))
def test_settling_with_tails_is_the_latest_of_the_nets_with_theirs(seed: int) -> None:
    engine = engine_of(seed)
    nets = [gate.output for gate in engine.circuit.gates][::2]  # inputs change at step 0 here
    tails = {net: 7 * k for k, net in enumerate(nets) if k % 3 != 2}  # every third is not observed
    stimulus = vectors(engine.netlist, seed, (1, 2, 64))
    each = [engine.settling_steps(stimulus, engine.program(observed=[net])).astype(int) for net in tails]
    expected = np.max([np.where(seen > 0, seen + tails[net], 0) for net, seen in zip(tails, each, strict=True)], axis=0)
    found = engine.settling_steps(stimulus, with_tails(engine.program(observed=nets), tails))
    np.testing.assert_array_equal(found, expected)


def test_tails_beyond_sixteen_bits_are_refused() -> None:
    engine = engine_of(0)
    net = engine.circuit.gates[-1].output
    with pytest.raises(ConfigError, match="take a coarser delay_step_ps"):
        with_tails(engine.program(observed=[net]), {net: 1 << 16})
