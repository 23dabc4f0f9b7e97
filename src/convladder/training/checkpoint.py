"""Checkpoints: all that a training is between two steps, in files that are whole or absent.

    checkpoint-0003-000128.safetensors   the tensors: after three epochs and 128 steps
    checkpoint-0003-000128.json          the rest, with the SHA-256 sums of both

The JSON file is written last, when the tensors are on the disk, and counts only if both sums are
right. So a crash at any moment, and a disk that forgets what was not synced, leave the newest
checkpoint or the one before it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from convladder.core import files

_logger = logging.getLogger(__name__)

KEPT = 2
FORMAT = 1

_NAME = re.compile(r"checkpoint-(\d{4,})-(\d{6,})\.json")


# docs/decisions/035-a-checkpoints-json-file-is-its-pointer.md
@dataclass(frozen=True)
class Checkpoint:
    """A training between two steps; `course` is as `TrainingState.to_json` gives it."""

    course: dict[str, Any]
    tensors: Mapping[str, NDArray[Any]]

    @property
    def epoch(self) -> int:
        """How many epochs are over."""
        return len(self.course["history"])

    @property
    def step(self) -> int:
        """How many steps of the next are done."""
        return int(self.course["step"])

    @property
    def is_finite(self) -> bool:
        """Whether all numbers are: weights that an update has spoilt are not worth keeping."""
        return all(np.isfinite(tensor).all() for tensor in self.tensors.values())

    @property
    def name(self) -> str:
        return f"checkpoint-{self.epoch:04}-{self.step:06}"


class DamagedCheckpointError(Exception):
    """A checkpoint whose files are not as they were written."""


def write(folder: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint, then remove all but the newest two.

    Raises OSError where it cannot be written, as on a full disk; those before it are still there
    then.
    """
    tensors = save(
        {name: np.asarray(tensor, order="C") for name, tensor in checkpoint.tensors.items()}
    )
    content = {
        "format": FORMAT,
        "course": checkpoint.course,
        "tensors": hashlib.sha256(tensors).hexdigest(),
    }
    files.write_bytes(folder / f"{checkpoint.name}.safetensors", tensors)
    files.write_json(
        folder / f"{checkpoint.name}.json", {"sha256": _sum_of(content), "checkpoint": content}
    )
    _remove_older(folder)


def read_newest(folder: Path) -> tuple[Checkpoint | None, list[Path]]:
    """Return the newest whole checkpoint, if any, and the files of newer, damaged ones."""
    damaged: list[Path] = []
    for path in descriptions(folder):
        try:
            return read(path), damaged
        except DamagedCheckpointError as error:
            _logger.debug("%s is damaged (%s), and an older one is looked for", path, error)
            damaged.append(path)
    return None, damaged


def read(path: Path) -> Checkpoint:
    """Read a checkpoint from its JSON file. Raises DamagedCheckpointError."""
    try:
        text = path.read_bytes()
        if not text.endswith(b"}\n"):  # a cut so small that it is JSON still
            raise DamagedCheckpointError("it is truncated")
        told = json.loads(text)
        content, expected = told["checkpoint"], told["sha256"]
        data = path.with_suffix(".safetensors").read_bytes()
        if _sum_of(content) != expected:
            raise DamagedCheckpointError("its checksum is wrong")
        if hashlib.sha256(data).hexdigest() != content["tensors"]:
            raise DamagedCheckpointError("the checksum of its tensors is wrong")
        if content["format"] != FORMAT:
            raise DamagedCheckpointError(
                f"its format is {content['format']}, and {FORMAT} is known"
            )
        return Checkpoint(content["course"], load(data))
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise DamagedCheckpointError(str(error)) from None


def put_aside(path: Path) -> None:
    """Give the files of a damaged checkpoint another name."""
    for each in (path, path.with_suffix(".safetensors")):
        with contextlib.suppress(FileNotFoundError):
            each.replace(each.with_name(f"damaged-{each.name}"))


def remove(path: Path) -> None:
    """Remove a checkpoint, given its JSON file, which goes first."""
    files.remove(path)
    files.remove(path.with_suffix(".safetensors"))


def descriptions(folder: Path) -> list[Path]:
    """Return the checkpoints' JSON files by epoch and step, the newest first, by no clock."""
    found = [
        (match, path)
        for path in folder.glob("checkpoint-*.json")
        if (match := _NAME.fullmatch(path.name))
    ]
    return [
        path
        for _, path in sorted(
            found, key=lambda each: tuple(map(int, each[0].groups())), reverse=True
        )
    ]


def _remove_older(folder: Path) -> None:
    kept = descriptions(folder)
    for path in kept[KEPT:]:
        remove(path)
    stems = {path.stem for path in kept[:KEPT]}
    for path in folder.glob("checkpoint-*.safetensors"):  # of a crash between the two files
        if path.stem not in stems:
            files.remove(path)


def _sum_of(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
