"""Tool scripts rendered from the templates in `sim/`."""

from __future__ import annotations

import jinja2

from wattloop import resources


def render_script(name: str, **context: object) -> str:
    """Text of `sim/<name>.j2`; a value that the template needs and nobody gave is an error of the caller."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(resources.folder("sim")),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    return environment.get_template(f"{name}.j2").render(**context)
