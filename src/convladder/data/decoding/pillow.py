"""Pillow as a decoder in several threads needs it: silent, and with our limit of pixels."""

from __future__ import annotations

import contextlib
import re
import threading
import warnings
from collections.abc import Iterator
from typing import cast

from PIL import Image

_SILENCE = ("ignore", None, Warning, re.compile(r"PIL\."), 0)  # as the list of filters has it

_lock = threading.Lock()
_limits: list[int] = []  # of pixels, of all that decode now
_own_limit: int | None = None  # Pillow's, as it was before the first of them began


@contextlib.contextmanager
def unhindered(pixels: int) -> Iterator[None]:
    """Let Pillow open images of so many pixels, and keep it silent, while any thread is at it.

    Filters of warnings, and Pillow's limit, belong to the whole process. With
    `warnings.catch_warnings` each thread puts back what it found: the second may find what the
    first has set, and leave it for good. So threads are counted here. Only warnings of Pillow's
    own modules are concerned.
    """
    _begin(pixels)
    try:
        yield
    finally:
        _end(pixels)


def _begin(pixels: int) -> None:
    global _own_limit  # noqa: PLW0603 -- it belongs to the process, as Pillow's does
    with _lock:
        if not _limits:
            _own_limit = Image.MAX_IMAGE_PIXELS
        _limits.append(pixels)
        _set_limit()
        if _SILENCE not in warnings.filters:
            warnings.filterwarnings("ignore", module=_SILENCE[3].pattern)


def _end(pixels: int) -> None:
    with _lock:
        _limits.remove(pixels)
        _set_limit()
        if not _limits and _SILENCE in warnings.filters:  # others may have put theirs back
            cast("list[object]", warnings.filters).remove(_SILENCE)


def _set_limit() -> None:
    """Pillow raises an error from twice its limit on; what is over ours, the decoder refuses."""
    if _own_limit is not None:
        Image.MAX_IMAGE_PIXELS = max([_own_limit, *(-(-each // 2) for each in _limits)])
