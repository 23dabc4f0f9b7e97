"""What a command touches and whom it talks to, where the user's folders are empty and no CI is to
be seen.

Which hosts Python processes ask for is recorded, and others than this machine are refused (folder
`recorder`). Native code can report as well: the system's calls are watched by strace. Without it,
nothing is known of native code, and of files what the folders hold before and after.
"""

from __future__ import annotations

import ast
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import psutil

from limits import HANG
from recorder import recorded_hosts
from recorder.recorded_hosts import DNS, Port

TALKING = ("connect", "sendto", "sendmsg", "sendmmsg")
OPENING = ("open", "openat", "openat2", "creat")
MOVING = ("rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat")
WRITING = (
    *OPENING,
    *MOVING,
    "mkdir",
    "mkdirat",
    "mknod",
    "mknodat",
    "unlink",
    "unlinkat",
    "rmdir",
    "truncate",
)
KEPT = ("PATH", "LD_LIBRARY_PATH", "LANG", "VIRTUAL_ENV", "SYSTEMROOT")  # of the environment
RECORDER = Path(recorded_hosts.__file__).parent
RESOLVER = "io.systemd.Resolve"

_CALL = re.compile(r"(?P<process>\d+) +(?P<name>\w+)\((?P<rest>.*)")
_RESUMED = re.compile(r"(?P<process>\d+) +<\.\.\. (?P<name>\w+) resumed>(?P<rest>.*)")
_RESULT = re.compile(r"\) += (?P<value>-?\d+|\?)(<(?P<path>[^>]*)>)?[^)]*$")
_PATH = re.compile(r'(?:(?:AT_FDCWD|\d+)<(?P<folder>[^>]*)>, )?(?P<path>"(?:[^"\\]|\\.)*")')
_ADDRESS = re.compile(
    r"htons\((?P<port>\d+)\).*?(?:inet_addr\(|inet_pton\(AF_INET6, )\"(?P<host>[^\"]+)\""
)


@cache
def strace() -> list[str]:
    """Return how a command is watched, and nothing where strace is not there or may not."""
    calls = ",".join(f"?{name}" for name in (*TALKING, *WRITING))  # ? : where there is such a call
    watch = [
        "strace",
        "-f",
        "-qq",
        "-y",
        "--seccomp-bpf",
        "-e",
        "signal=none",
        "-e",
        f"trace={calls}",
    ]
    if not shutil.which("strace"):
        return []
    tried = subprocess.run([*watch, "-o", os.devnull, "true"], capture_output=True, check=False)
    return watch if tried.returncode == 0 else []


@dataclass(frozen=True)
class Call:
    """A call of the system that succeeded, or that may have: its name, and what was given and came
    back.
    """

    name: str
    text: str

    @property
    def address(self) -> tuple[str, int] | None:
        """Whom it talks to over a network."""
        if self.name not in TALKING:
            return None
        if RESOLVER in self.text:  # on the same machine, and it asks others
            return RESOLVER, DNS
        found = _ADDRESS.search(self.text)
        return (found["host"], int(found["port"])) if found else None

    def written(self, cwd: Path) -> list[Path]:
        """Return what it makes, writes or removes; `cwd` is where relative paths begin."""
        result = _RESULT.search(self.text)
        if self.name not in WRITING or result is None or result["value"].startswith(("-", "?")):
            return []
        if self.name in OPENING and not re.search("O_WRONLY|O_RDWR|O_CREAT", self.text):
            return []
        if result["path"]:
            return [Path(result["path"].removesuffix("(deleted)"))]
        names = _PATH.finditer(self.text)
        return [
            Path(cwd, each["folder"] or "", ast.literal_eval(f"b{each['path']}").decode())
            for each in names
        ]


def read_trace(file: Path) -> Iterator[Call]:
    """Yield the calls of a trace. One that was interrupted by others is in two lines."""
    begun: dict[str, str] = {}
    for line in file.read_text(errors="replace").splitlines():
        if found := _CALL.match(line):
            rest = found["rest"]
            if rest.endswith("<unfinished ...>"):
                begun[found["process"]] = rest.removesuffix("<unfinished ...>")
                if found["name"] in TALKING:
                    yield Call(found["name"], rest)
                continue
            yield Call(found["name"], rest)
        elif found := _RESUMED.match(line):
            yield Call(found["name"], begun.pop(found["process"], "") + found["rest"])


@dataclass
class Person:
    """Someone with a home that is empty at first, and a folder to work in.

    written : what commands have made, written or removed. reached : the hosts that the system's
    calls talked to.
    """

    root: Path
    written: set[Path] = field(default_factory=set)
    reached: set[tuple[str, int]] = field(default_factory=set)

    def __post_init__(self) -> None:
        for folder in (self.home, self.work, self.temporary):
            folder.mkdir(parents=True)

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def work(self) -> Path:
        return self.root / "work"

    @property
    def temporary(self) -> Path:
        return self.root / "tmp"

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    @property
    def asked(self) -> set[tuple[str, Port]]:
        """The hosts that Python processes have asked for, with ports."""
        return recorded_hosts.read(self.record)

    @property
    def record(self) -> Path:
        """Where the recorder writes."""
        return self.root.parent / f"{self.root.name}.asked"

    def environment(self) -> dict[str, str]:
        """Return an environment in which nothing tells of a test, of CI, or of silence."""
        path = os.pathsep.join(filter(None, [str(RECORDER), os.environ.get("PYTHONPATH")]))
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        folders = {"HOME": self.home, "USERPROFILE": self.home, "TMPDIR": self.temporary}
        folders |= {"XDG_CACHE_HOME": self.cache, "XDG_CONFIG_HOME": self.root / "config"}
        folders |= {"XDG_DATA_HOME": self.root / "data", "XDG_STATE_HOME": self.root / "state"}
        folders |= {recorded_hosts.VARIABLE: self.record}
        kept |= {"PYTHONPATH": path, "CUDA_VISIBLE_DEVICES": "-1"}
        return kept | {name: str(folder) for name, folder in folders.items()}

    def runs(self, *command: object, allowed: Iterable[int] = (0,), **variables: str) -> str:
        """Run a command, remember what it touched, and return what it printed."""
        with self._watching(command, variables) as process:
            said = process.communicate(timeout=HANG)[0]
        assert process.returncode in allowed, said
        return said

    @contextlib.contextmanager
    def running(self, *command: object) -> Iterator[subprocess.Popen[str]]:
        """Run a command as long as the block runs, then ask it to end; remember what it touched."""
        with self._watching(command, {}) as process:
            try:
                yield process
            finally:
                asked = (
                    psutil.Process(process.pid).children()
                    if strace()
                    else [psutil.Process(process.pid)]
                )
                for each in asked:
                    each.send_signal(signal.SIGTERM)
                process.communicate(timeout=HANG)

    def files(self) -> set[Path]:
        """Return all files outside the folder that is worked in."""
        return {
            path
            for path in self.root.rglob("*")
            if path.is_file() and self.work not in path.parents
        }

    @contextlib.contextmanager
    def _watching(
        self, command: Iterable[object], variables: Mapping[str, str]
    ) -> Iterator[subprocess.Popen[str]]:
        trace = self.root.parent / f"{time.monotonic_ns()}.trace"
        watch = [*strace(), "-o", str(trace)] if strace() else []
        with subprocess.Popen(
            [*watch, *map(str, command)],
            cwd=self.work,
            env=self.environment() | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            yield process
        for call in read_trace(trace) if watch else ():
            self.written.update(call.written(self.work))
            if call.address:
                self.reached.add(call.address)


def convladder(*arguments: object) -> list[object]:
    """Return the command line of the package that is being tested."""
    return [sys.executable, "-m", "convladder", *arguments]
