"""The cells that users choose among, by name: every test and tool that says "all templates" means this list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from wattloop.errors import SpecError
from wattloop.gates.multipliers import multipliers
from wattloop.gates.spec import MacSpec
from wattloop.gates.variants import VARIANTS


def templates() -> Mapping[str, MacSpec]:
    """Every template by name: each multiplier as it is, those of your own included, then the variants.

    >>> list(templates())[:4]
    ['array', 'split', 'hierarchical', 'booth']
    """
    own = {name: MacSpec(multiplier=name) for name in multipliers()}
    return own | {name: MacSpec(**options) for name, options in VARIANTS.items()}


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
