"""Where convladder keeps files that are in no folder that a person has named."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

_logger = logging.getLogger(__name__)


def cache_folder() -> Path:
    """Return convladder's cache folder: the user's, or what CONVLADDER_CACHE names."""
    if own := os.environ.get("CONVLADDER_CACHE"):  # one that is empty would be the working folder
        return Path(own)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData/Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library/Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "convladder"


def keep_libraries_here() -> None:
    """Let Keras and Matplotlib keep their files in our cache, unless they have their own folders.

    They would make one in the user's home. A folder that is there is used as ever: it may hold
    downloaded weights, or settings. This is for processes that are convladder's alone, before they
    import these. In a script or a notebook, where they keep files is left as it is.
    """
    try:
        ours = cache_folder().absolute()
    except (RuntimeError, OSError) as error:  # no home is known, or the working folder is gone
        _logger.debug("libraries keep their files where they always do (%s)", error)
        return
    for variable, name, theirs in (
        ("KERAS_HOME", "keras", _keras_folders()),
        ("MPLCONFIGDIR", "matplotlib", _matplotlib_folders()),
    ):
        if variable not in os.environ and not any(each.is_dir() for each in theirs):
            os.environ[variable] = str(ours / name)


def _keras_folders() -> list[Path]:
    return [_home() / ".keras"]


def _matplotlib_folders() -> list[Path]:
    """Return where Matplotlib keeps settings and its list of fonts, on the system that this is."""
    if sys.platform == "win32":
        return [_home() / ".matplotlib", *_named("LOCALAPPDATA", "matplotlib")]
    if not sys.platform.startswith(("linux", "freebsd")):
        return [_home() / ".matplotlib"]
    return [
        *(_named("XDG_CONFIG_HOME", "matplotlib") or [_home() / ".config/matplotlib"]),
        *(_named("XDG_CACHE_HOME", "matplotlib") or [_home() / ".cache/matplotlib"]),
    ]


def _named(variable: str, name: str) -> list[Path]:
    folder = os.environ.get(variable)
    return [Path(folder, name)] if folder else []


def _home() -> Path:
    return Path(os.path.expanduser("~"))  # noqa: PTH111 -- as they do: it never fails
