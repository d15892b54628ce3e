"""What a network loses on a cell that cannot take all its weights or inputs: said, never silent."""

from __future__ import annotations

from collections.abc import Sequence

from wattloop.arith.layer import LayerTrace
from wattloop.arith.representable import changed_shares
from wattloop.flow.progress import Progress
from wattloop.gates.spec import MacSpec


def fit_facts(traces: Sequence[LayerTrace], mac: MacSpec, progress: Progress) -> dict[str, str]:
    """What a run notes where the cell changes the network; nothing where it takes it as it is.

    Args:
        traces: the layers as the network has them.
        mac: the cell.
        progress: told of it.
    """
    weights, inputs = changed_shares(traces, mac)
    if not weights and not inputs:
        return {}
    said = f"{weights:.2%} of the weights and {inputs:.2%} of the inputs are moved to what {mac.module_name} takes"
    progress.tell(f"{said}: the network is another one, and its accuracy unknown")
    return {"changed to fit the cell": said}
