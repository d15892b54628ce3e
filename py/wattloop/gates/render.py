"""SystemVerilog of the MAC cell, the array and their simulation tops, rendered from the templates in `rtl/`.

Templates do no arithmetic: every number that follows from a spec is worked out in `render_numbers`.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path

import jinja2

from wattloop import resources
from wattloop.errors import SpecError
from wattloop.gates.multipliers import Multiplier, multiplier, own_fault, own_template
from wattloop.gates.render_numbers import ArrayNumbers, MacBenchNumbers, MacNumbers, bus
from wattloop.gates.spec import ArraySpec, MacSpec
from wattloop.store import write_if_changed


@functools.cache
def _environment() -> jinja2.Environment:
    environment = resources.templates("rtl")
    environment.filters["bus"] = bus
    return environment


def _render(template: str, **context: object) -> str:
    return _environment().get_template(f"{template}.sv.j2").render(**context)


def _multiplier_template(chosen: Multiplier, name: str) -> jinja2.Template:
    """What `Multiplier.template` or `Multiplier.part` names.

    Raises:
        SpecError: there is no such file, or it is no Jinja template.
    """
    with own_fault(f"the multiplier's template {name} cannot be read"):
        path = own_template(chosen, name)
        if path is not None:
            return _environment().from_string(path.read_text(encoding="utf-8"))
        return _environment().get_template(name)


def _require_capacity(name: str, value: int) -> None:
    if value < 1:
        raise SpecError(f"{name} = {value!r} is illegal; legal: 1 or more")


def render_mac(spec: MacSpec) -> str:
    """Verilog of the cell, module `spec.module_name`, behind that of the module that it instantiates, if it does.

    Ports: clk_i rst_ni w_i w_en_i a_i p_i a_o p_o. Registers w_q, a_q, p_q.

    Raises:
        SpecError: a multiplier of one's own fails; says where and why.
    """
    return "\n".join(_mac_modules(spec).values())


def _mac_modules(spec: MacSpec) -> dict[str, str]:
    """Verilog of the cell's modules by name, each after those that it instantiates."""
    chosen = multiplier(spec.multiplier)
    with own_fault(f"multiplier {chosen.name}: numbers() fails"):
        numbers = dict(chosen.numbers(spec))
    context = numbers | {"title": chosen.title, "file": _multiplier_template(chosen, chosen.template)}
    shared = {"mac": spec, "numbers": MacNumbers(spec), "multiplier": context}
    modules = {}
    if chosen.part:
        with own_fault(f"multiplier {chosen.name}: its template {chosen.part} cannot be rendered"):
            modules[f"{spec.module_name}_product"] = _multiplier_template(chosen, chosen.part).render(**shared)
    with own_fault(f"multiplier {chosen.name}: its template {chosen.template} cannot be rendered"):
        modules[spec.module_name] = _render("mac", **shared)
    return modules


def render_array(spec: ArraySpec) -> str:
    """Verilog of the array, module `spec.module_name`; it instantiates the cell (`render_mac`).

    The cell of row r and column c is `gen_row[r].gen_col[c].u_mac`.
    """
    return _render("systolic_array", array=spec, mac=spec.mac, numbers=ArrayNumbers(spec))


def render_tile_top(spec: ArraySpec, *, tiles: int = 1) -> str:
    """Verilog of the array with its stimulus and result memories, module `tile_top_name(spec)`; for simulation.

    Args:
        spec: the array; `spec.pixels` is the greatest number of pixels of a tile.
        tiles: the greatest number of tiles that one start runs back to back.

    Raises:
        SpecError: `tiles` is below 1.
    """
    _require_capacity("tiles", tiles)
    return _render("tile_top", array=spec, mac=spec.mac, tiles=tiles, numbers=ArrayNumbers(spec, tiles))


def render_mac_bench(cells: Sequence[MacSpec], *, vectors: int) -> str:
    """Verilog of cells fed side by side from a memory of `vectors` words, module `mac_bench`; for simulation.

    Raises:
        SpecError: no cell, or `vectors` is below 1.
    """
    _require_capacity("cells", len(cells))
    _require_capacity("vectors", vectors)
    return _render("mac_bench", cells=cells, vectors=vectors, numbers=MacBenchNumbers(cells, vectors))


def tile_top_name(spec: ArraySpec) -> str:
    """Module name of the tile top.

    >>> tile_top_name(ArraySpec())
    'tile_p64_array_64x64_mac_w8a8p22_array'
    """
    return ArrayNumbers(spec).tile_name


def _write(modules: Mapping[str, str], folder: Path) -> list[Path]:
    paths = [folder / f"{name}.sv" for name in modules]
    for path, text in zip(paths, modules.values(), strict=True):
        write_if_changed(path, text)
    return paths


def write_mac_bench(cells: Sequence[MacSpec], folder: Path, *, vectors: int) -> list[Path]:
    """Write the cells and their bench like `write_rtl`."""
    modules = {name: text for cell in cells for name, text in _mac_modules(cell).items()}
    return _write(modules | {"mac_bench": render_mac_bench(cells, vectors=vectors)}, folder)


def write_rtl(spec: MacSpec | ArraySpec, folder: Path, *, tiles: int = 1) -> list[Path]:
    """Write the cell, or the cell, the array and the tile top, one file a module, named as the module.

    Files that already hold the same text keep their time stamp.

    Args:
        spec: a cell or an array.
        folder: where to.
        tiles: see `render_tile_top`.

    Returns:
        the files, each after those that it instantiates.

    Raises:
        StorageError: `folder` cannot be written.
    """
    mac = spec if isinstance(spec, MacSpec) else spec.mac
    modules = _mac_modules(mac)
    if isinstance(spec, ArraySpec):
        modules[spec.module_name] = render_array(spec)
        modules[tile_top_name(spec)] = render_tile_top(spec, tiles=tiles)
    return _write(modules, folder)
