"""Text files that users hand in: read whole, gzip unpacked, never more than fits."""

from __future__ import annotations

import io
import zlib
from gzip import GzipFile
from pathlib import Path

from wattloop.errors import WattloopError

_GZIP = b"\x1f\x8b"
_MEBI = 1 << 20


def read_input(path: Path, what: str, error: type[WattloopError], *, limit_mib: int, kind: str | None = None) -> bytes:
    """Bytes of a file, unpacked if they are gzip.

    Args:
        path: the file.
        what: what it should be, for messages: "Liberty file".
        error: what to raise.
        kind: what to give instead, `what` if not given.
        limit_mib: most that it may hold, unpacked: no input may fill the memory.

    Raises:
        WattloopError: of class `error`: unreadable, empty, binary, cut short, or more than `limit_mib`.
    """
    limit = limit_mib * _MEBI
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
        if data.startswith(_GZIP):
            with GzipFile(fileobj=io.BytesIO(data)) as packed:
                data = packed.read(limit + 1)
    except (EOFError, zlib.error) as reason:
        raise error(f"{path} is a damaged gzip file ({reason}): fetch the {what} again") from reason
    except OSError as reason:
        why = reason.strerror or str(reason)
        raise error(f"cannot read the {what} {path}: {why}; give the path of a {kind or what}") from reason
    if len(data) > limit:
        raise error(f"{path} holds more than {limit_mib} MiB, which no {what} should: give a smaller one")
    if not data.strip():
        raise error(f"{path} is empty: fetch the {what} again")
    if b"\0" in data:
        raise error(f"{path} is a binary file, no text: give the path of a {what}")
    return data
