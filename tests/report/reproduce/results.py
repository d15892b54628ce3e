"""Results made by hand."""

from __future__ import annotations

from dataclasses import replace

from wattloop.compression.bound_facts import BoundFacts
from wattloop.compression.rows import Row
from wattloop.report.reproduce.results import LayerFacts, Result

BASE = Row(
    network="resnet20",
    dataset="cifar10",
    method="int8",
    setting="",
    mac="array",
    seed=0,
    epochs=0,
    accuracy_int8=0.92,
    accuracy=0.92,
    validation_int8=0.92,
    validation=0.92,
    datapath_saving=0.0,
    total_saving=0.0,
    functional_saving=0.0,
    array_saving=0.0,
    datapath_saving_error=0.0,
    datapath_fj=1000.0,
    total_fj=2000.0,
    functional_fj=700.0,
    array_fj=1200.0,
    datapath_int8_fj=1000.0,
    total_int8_fj=2000.0,
    functional_int8_fj=700.0,
    array_int8_fj=1200.0,
    preload_fj=0.0,
    datapath_saving_over_array=None,
    max_values_per_layer=256,
    bits_per_weight=8.0,
    sparsity=0.0,
    images=16,
    tiles="all",
    mapped=False,
    **vars(BoundFacts()),
)


def layer(name: str, before_fj: float = 100.0, left: float = 0.5, zeros: int = 50) -> LayerFacts:
    energies = dict.fromkeys(("datapath", "total", "functional", "array"), before_fj)
    return LayerFacts(name, 1000, 100, 16, zeros, energies, {name: left * fj for name, fj in energies.items()})


def int8(**changes: object) -> Result:
    return Result(replace(BASE, **changes), (layer("conv1", left=1.0),))  # type: ignore[arg-type]


def result(
    method: str, saving: float, accuracy: float, layers: tuple[LayerFacts, ...] = (), **changes: object
) -> Result:
    """A network that saves `saving` by `datapath`, 0.2 less by `total`, 0.1 more by `functional`.

    It loses as much on validation as on test images, unless `changes` say otherwise.
    """
    row = replace(
        BASE,
        method=method,
        accuracy=accuracy,
        validation=BASE.validation_int8 + accuracy - BASE.accuracy_int8,
        datapath_saving=saving,
        total_saving=saving - 0.2,
        functional_saving=saving + 0.1,
        array_saving=saving - 0.02,
        datapath_fj=1000.0 * (1 - saving),
        max_values_per_layer=16,
    )
    return Result(replace(row, **changes), layers or (layer("conv1"),))  # type: ignore[arg-type]
