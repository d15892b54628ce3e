"""Checks of settings, whose complaints name the field and what is legal."""

from __future__ import annotations

from collections.abc import Callable

from wattloop.errors import ConfigError

Require = Callable[[bool, str, object, str], None]


def require(ok: bool, name: str, value: object, legal: str) -> None:
    """Refuse a value.

    Raises:
        ConfigError: not `ok`.
    """
    if not ok:
        raise ConfigError(f"{name} = {value!r} is illegal; legal: {legal}")


def within(section: str) -> Require:
    """`require` for the keys of a section.

    Args:
        section: put before each name, with what parts them, such as "compress.".
    """

    def require_there(ok: bool, name: str, value: object, legal: str) -> None:
        require(ok, section + name, value, legal)

    return require_there


def require_seed(seed: int) -> None:
    """Refuse what is no seed.

    Raises:
        ConfigError: it is negative or too large.
    """
    require(0 <= seed < 1 << 32, "seed", seed, f"0 to {(1 << 32) - 1}")
