"""The bytes of an image file, or in which words it is said that they cannot be read."""

from __future__ import annotations

import stat
from pathlib import Path

from convladder.core.errors import UnreadableImage
from convladder.data.decoding.image_form import Limits


def read_file(path: Path, limits: Limits) -> bytes:
    """Return the bytes of a regular file. Raises UnreadableImage."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableImage("not-a-file", "it is not a regular file")
        if status.st_size > limits.bytes:
            raise UnreadableImage("too-large", f"over {limits.bytes:,} bytes (data.max_bytes)")
        return path.read_bytes()
    except FileNotFoundError:
        raise UnreadableImage("missing", "there is no such file") from None
    except (OSError, ValueError) as error:  # a path with a null byte is a ValueError
        raise UnreadableImage(
            "unreadable", getattr(error, "strerror", None) or str(error)
        ) from None
