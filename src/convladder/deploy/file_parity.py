"""Does an export's example read files and answer as the product does, in its own process?"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convladder.core import backend
from convladder.core.errors import ExportError, UnreadableImage
from convladder.data.decoding.image_form import Pixels
from convladder.deploy.parity_images import Named
from convladder.results.bundle.predictor import Prediction, Predictor

SECONDS = 900  # for all files; a framework that is slow to import takes one of them

# What the example is asked in its own process: its answers, and what it saw and found on the way to
# them.
_PROGRAM = """
import json, sys
from pathlib import Path

sys.modules["convladder"] = None  # an example must do without
folder, files = sys.argv[1], Path(sys.argv[2])
sys.path.insert(0, folder)
import numpy as np
import example

arrays, answers, own = {}, [], example.probabilities

def watched(pixels):
    found = own(pixels)
    arrays[f"pixels-{len(answers)}"], arrays[f"found-{len(answers)}"] = pixels, found
    return found

example.probabilities = watched
for path in sorted(files.glob("*.image")):
    try:
        name, _, unsure, warning, classes = example.answer(path.read_bytes())
        answers.append([name, bool(unsure), warning, classes])
    except example.UnreadableImage as error:
        answers.append(error.reason)
np.savez(files / "arrays.npz", **arrays)
(files / "answers.json").write_text(json.dumps(answers), "utf-8")
"""


Answer = tuple[str, bool, str | None, tuple[str, ...]]  # class, unsure, warning, prediction set


@dataclass(frozen=True)
class Read:
    """What became of a file: its pixels, the probabilities of the classes, and the answer."""

    pixels: Pixels
    probabilities: NDArray[np.float32]
    answer: Answer


Outcome = Read | str  # why it could not be read


@dataclass(frozen=True)
class FromFiles:
    """An export's example beside the product, on the same files.

    files : how many were read by either. pixels : the largest difference, of 255. largest, mean :
    difference of a probability; the mean is of the predicted class. other_class, other_unsure :
    answers that differ. refused : files that only one of the two could read. unlike_rule : answers
    that are not what the example's own probabilities, the threshold and the sets say. differing :
    the files that any of this is about, but for probabilities.
    """

    files: int
    pixels: int
    largest: float
    mean: float
    other_class: int
    other_unsure: int
    other_warning: int
    refused: int
    unlike_rule: int
    differing: tuple[str, ...]

    def holds(self, bound: float, *, int8: bool) -> bool:
        """Whether files are read alike; in int8 probabilities may differ, and with them answers."""
        alike = not (self.pixels or self.refused or self.unlike_rule or self.other_warning)
        return alike and (int8 or self.largest <= bound)


def compare(predictor: Predictor, folder: Path, files: Sequence[Named]) -> FromFiles:
    """Have both predict these files. Raises ExportError where the example does not run."""
    here = [_of_product(predictor, content) for _, content in files]
    there = _of_example(folder, [content for _, content in files])
    return _compared(predictor, [name for name, _ in files], here, there)


def _of_product(predictor: Predictor, content: bytes) -> Outcome:
    decoded = predictor.try_to_decode(content)
    if isinstance(decoded, UnreadableImage):
        return decoded.reason
    found = predictor.probabilities([decoded.pixels])
    return Read(decoded.pixels, found[0], _said(*predictor.read(found, warnings=[decoded.warning])))


def _said(prediction: Prediction) -> Answer:
    held = prediction.prediction_set
    classes = held.classes if held else ()
    return prediction.class_name, prediction.unsure, prediction.warning, classes


def _of_example(folder: Path, contents: Sequence[bytes]) -> list[Outcome]:
    with tempfile.TemporaryDirectory() as spare:
        files = Path(spare).absolute()
        for number, content in enumerate(contents):
            (files / f"{number:06}.image").write_bytes(content)
        # without the folder that we are in, where a person may have a json.py, and without a byte
        # left here
        _run([sys.executable, "-P", "-B", "-c", _PROGRAM, str(folder.absolute()), str(files)])
        answers = json.loads((files / "answers.json").read_text("utf-8"))
        with np.load(files / "arrays.npz", allow_pickle=False) as arrays:
            return [
                each
                if isinstance(each, str)
                else Read(
                    arrays[f"pixels-{number}"],
                    arrays[f"found-{number}"],
                    (each[0], each[1], each[2], tuple(each[3])),
                )
                for number, each in enumerate(answers)
            ]


def _run(command: Sequence[str]) -> None:
    computes = {
        backend.VARIABLE: backend.TENSORFLOW,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        backend.ONEDNN: "1",
    }
    # as workers: a notebook may have added to it
    computes["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    try:
        subprocess.run(
            command, env=os.environ | computes, capture_output=True, timeout=SECONDS, check=True
        )
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip()
        last = (said.splitlines() or [f"exit status {error.returncode}"])[-1]
        raise ExportError(f"the export's example does not run: {last}") from None
    except subprocess.TimeoutExpired:
        raise ExportError(
            f"the export's example does not finish within {SECONDS} seconds"
        ) from None


def _compared(
    predictor: Predictor, names: Sequence[str], here: Sequence[Outcome], there: Sequence[Outcome]
) -> FromFiles:
    tried = list(zip(names, here, there, strict=True))
    both = [
        _Pair(name, one, other)
        for name, one, other in tried
        if isinstance(one, Read) and isinstance(other, Read)
    ]
    refused = {
        name for name, *reads in tried if len({isinstance(each, Read) for each in reads}) > 1
    }
    classes = {pair.name for pair in both if pair.one.answer[0] != pair.other.answer[0]}
    unsure = {pair.name for pair in both if pair.one.answer[1] != pair.other.answer[1]}
    warned = {pair.name for pair in both if pair.one.answer[2] != pair.other.answer[2]}
    unlike = {pair.name for pair in both if pair.other.answer != _by_rule(predictor, pair.other)}
    differing = (
        refused
        | classes
        | unsure
        | warned
        | unlike
        | {pair.name for pair in both if pair.of_pixels}
    )
    return FromFiles(
        files=len(both) + len(refused),
        pixels=max((pair.of_pixels for pair in both), default=0),
        largest=float(np.max([pair.of_probabilities.max() for pair in both] or [0.0])),
        mean=float(np.mean([pair.of_predicted for pair in both] or [0.0])),
        other_class=len(classes),
        other_unsure=len(unsure),
        other_warning=len(warned),
        refused=len(refused),
        unlike_rule=len(unlike),
        differing=tuple(name for name in names if name in differing),
    )


@dataclass(frozen=True)
class _Pair:
    """A file that both have read, and by how much they differ."""

    name: str
    one: Read
    other: Read

    @property
    def of_pixels(self) -> int:
        """The largest difference of a value; of other shapes nothing is alike."""
        if self.one.pixels.shape != self.other.pixels.shape:
            return 255
        return int(np.abs(self.one.pixels.astype(np.int16) - self.other.pixels).max())

    @property
    def of_probabilities(self) -> NDArray[np.float32]:
        difference: NDArray[np.float32] = np.abs(self.one.probabilities - self.other.probabilities)
        return difference

    @property
    def of_predicted(self) -> float:
        return float(self.of_probabilities[self.one.probabilities.argmax()])


def _by_rule(predictor: Predictor, read: Read) -> Answer:
    """Return the product's answer to what the example found."""
    return _said(*predictor.read(read.probabilities[np.newaxis], warnings=[read.answer[2]]))
