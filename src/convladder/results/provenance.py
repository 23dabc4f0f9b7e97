"""Where a result comes from: the command, the versions, the machine and the time."""

from __future__ import annotations

import contextlib
import datetime
import os
import platform
import shlex
import sys
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from convladder.core import backend

# beside that of the backend
PACKAGES = ("convladder", "keras", "numpy", "pillow", "scikit-learn", "pandas", "scipy", "optuna")
DECISIVE = ("convladder", "keras", "numpy")  # those that results depend on, and the backend's


def command() -> str:
    """Return the command that this process was started with, or that it was a notebook."""
    if _is_notebook():
        return "(in a notebook)"
    program = Path(sys.argv[0])
    name = program.parent.name if program.name == "__main__.py" else program.name
    return shlex.join([name, *sys.argv[1:]])


def _is_notebook() -> bool:
    """Whether a kernel of Jupyter runs this process; its packages may be imported elsewhere too."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


def environment(command: str) -> dict[str, Any]:
    """Return versions, machine and time: what a result depends on beside the experiment."""
    return {
        "time": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "machine": f"{platform.machine()}, {processor()}",
        "cores": os.cpu_count(),
        "threads": os.environ.get("OMP_NUM_THREADS"),
        "backend": backend.chosen(),
        "versions": versions(),
        "command": command,
    }


# docs/decisions/039-a-run-keeps-the-environment-it-was-begun-in.md
def last_environment(about: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the environment of the last command at work on the run that `about` tells of."""
    environment: Mapping[str, Any] = [about, *about.get("resumed", [])][-1]["environment"]
    return environment


def versions(packages: Iterable[str] = PACKAGES) -> dict[str, str]:
    """Return the versions of the packages that are installed, and of the backend's."""
    found = {}
    for package in (*packages, *backend.PACKAGES[backend.chosen()]):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found


def changes_on_the_way(about: Mapping[str, Any]) -> list[str]:
    """Say what had changed each time that the run of `about` was resumed."""
    return [change for each in about.get("resumed", []) for change in each["changed"]]


def mixed_versions(abouts: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the packages of which runs had different versions, given what tells of them."""
    seen = _versions_of(abouts)
    return sorted(name for name in set().union(*seen) if len({each.get(name) for each in seen}) > 1)


def all_versions(abouts: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return the versions that runs had: of a package all that there were."""
    found: dict[str, dict[str, None]] = {}
    for versions in _versions_of(abouts):
        for name, version in versions.items():
            found.setdefault(name, {})[version] = None
    return {name: " and ".join(each) for name, each in found.items()}


def _versions_of(abouts: Iterable[Mapping[str, Any]]) -> list[Mapping[str, str]]:
    return [
        each["environment"]["versions"]
        for about in abouts
        for each in (about, *about.get("resumed", []))
    ]


def processor() -> str:
    """Return the name of the processor, as far as the system tells."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()
