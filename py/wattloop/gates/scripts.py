"""Tool scripts rendered from the templates in `sim/`."""

from __future__ import annotations

from wattloop import resources


def render_script(name: str, **context: object) -> str:
    """Text of `sim/<name>.j2`; a value that the template needs and nobody gave is an error of the caller."""
    return resources.templates("sim").get_template(f"{name}.j2").render(**context)
