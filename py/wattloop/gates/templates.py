"""The cells that users choose among, by name: every test and tool that says "all templates" means this list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from wattloop.errors import SpecError
from wattloop.gates.multipliers import multipliers
from wattloop.gates.spec import MacSpec

_VARIANTS: Mapping[str, MacSpec] = {
    "array_bypass": MacSpec(bypass_zero_weight=True),
    "array_bypass_activation": MacSpec(bypass_zero_activation=True),
    "array_bypass_both": MacSpec(bypass_zero_weight=True, bypass_zero_activation=True),
    "array_gated": MacSpec(gate_weight_clock=True),
    "array_bypass_gated": MacSpec(bypass_zero_weight=True, gate_weight_clock=True),
    "split_bypass": MacSpec(multiplier="split", bypass_zero_weight=True),
    "array_signed": MacSpec(activation_signed=True),
    "array_4bit": MacSpec(weight_bits=4, activation_bits=4, psum_bits=14),
    "booth_bypass": MacSpec(multiplier="booth", bypass_zero_weight=True),
    "sign_magnitude_bypass": MacSpec(multiplier="sign_magnitude", bypass_zero_weight=True),
    "sign_magnitude_bypass_gated": MacSpec(
        multiplier="sign_magnitude", bypass_zero_weight=True, gate_weight_clock=True
    ),
    "shift_gated": MacSpec(multiplier="shift", gate_weight_clock=True),
}


def templates() -> Mapping[str, MacSpec]:
    """Every template by name: each multiplier as it is, those of your own included, then the variants.

    >>> list(templates())[:4]
    ['array', 'split', 'booth', 'sign_magnitude']
    """
    return {name: MacSpec(multiplier=name) for name in multipliers()} | dict(_VARIANTS)


def chosen(names: Iterable[str]) -> Mapping[str, MacSpec]:
    """The templates of these names, in their order; "all" for all of them.

    Raises:
        SpecError: a name is unknown, or there is none.
    """
    known = templates()
    wanted = list(dict.fromkeys(names))
    unknown = [name for name in wanted if name not in known and name != "all"]
    if unknown or not wanted:
        raise SpecError(f"unknown template {', '.join(unknown) or 'list'}; known: all, {', '.join(known)}")
    return known if "all" in wanted else {name: known[name] for name in wanted}
