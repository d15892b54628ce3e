"""Names that are taken and what they stand for: a leaf, which those that refuse names know as well."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# By name of the template: fields of `MacSpec`.
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "array_bypass": {"bypass_zero_weight": True},
    "array_bypass_activation": {"bypass_zero_activation": True},
    "array_bypass_both": {"bypass_zero_weight": True, "bypass_zero_activation": True},
    "array_gated": {"gate_weight_clock": True},
    "array_bypass_gated": {"bypass_zero_weight": True, "gate_weight_clock": True},
    "split_bypass": {"multiplier": "split", "bypass_zero_weight": True},
    "array_signed": {"activation_signed": True},
    "array_4bit": {"weight_bits": 4, "activation_bits": 4, "psum_bits": 14},
    "booth_bypass": {"multiplier": "booth", "bypass_zero_weight": True},
    "sign_magnitude_bypass": {"multiplier": "sign_magnitude", "bypass_zero_weight": True},
    "sign_magnitude_bypass_gated": {
        "multiplier": "sign_magnitude",
        "bypass_zero_weight": True,
        "gate_weight_clock": True,
    },
    "shift_gated": {"multiplier": "shift", "gate_weight_clock": True},
}

# Words of the commands that take names of templates.
RESERVED = ("all", "reference")

# What module names end in, by field of `MacSpec` and its value.
TAGS: Mapping[str, tuple[str, object]] = {
    "zw": ("bypass_zero_weight", True),
    "za": ("bypass_zero_activation", True),
    "cg": ("gate_weight_clock", True),
    "sr": ("reset", "sync"),
}
