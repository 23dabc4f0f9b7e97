"""Pictures that the page offers to click: some of a folder, or test images that a run has kept."""

from __future__ import annotations

import io
import itertools
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from PIL import Image

from convladder.core.errors import ExperimentError, UnreadableImage
from convladder.core.formatting import either, short_name
from convladder.data.decoding.images import format_of
from convladder.deploy import inputs
from convladder.results import folders
from convladder.results.bundle.predictor import Decoded, Predictor

if TYPE_CHECKING:
    from convladder.data.decoding.image_form import Pixels
    from convladder.results.saved_run import SavedRun

SHOWN, WRONG = 8, 2  # samples, and those of a run that it predicts wrongly
LARGEST = 8 * 2**20  # bytes of a picture: they are kept in memory
TRIED = 200  # pictures of a folder that are read at most
MEDIA_TYPES = {  # by format: what browsers show
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "BMP": "image/bmp",
}

Group = TypeVar("Group", bound=Hashable)


@dataclass(frozen=True)
class Sample:
    """A picture to click: the bytes of its file, its name, and its label where that is known."""

    content: bytes
    media_type: str
    name: str
    label: str | None


def of_place(place: Path, predictor: Predictor) -> tuple[Sample, ...]:
    """Return some pictures of a folder or an archive, or those that a run's folder has kept.

    Raises
    ------
    DataError
        There is no image.
    ExperimentError
        No image there can be shown.
    RunError
        The run is damaged.
    """
    found = (of_run if folders.is_finished(place) else _of_folder)(place, predictor)
    if not found:
        raise ExperimentError(
            f"--samples found no picture in {place} that can be shown: give a folder of files in "
            f"{either(MEDIA_TYPES)}"
        )
    return found


# docs/decisions/098-bundles-hold-no-images.md
def of_run(folder: Path, predictor: Predictor) -> tuple[Sample, ...]:
    """Return test images that a run has kept, as its network saw them, and some of its mistakes.

    Runs keep 8 bits: there are none of a network that warns of such images. Raises RunError.
    """
    from convladder.results.saved_run import SavedRun

    return tuple(each for each in _kept(SavedRun(folder)) if _fits(each.content, predictor))


def _kept(run: SavedRun) -> Iterator[Sample]:
    """Yield some of a run's samples in the order of their labels."""
    samples = run.samples
    rows = run.tested.iloc[samples.rows]
    labels, paths = rows["label"].tolist(), rows["path"].tolist()
    right = (rows["label"] == rows["predicted"]).to_numpy()
    mistakes = _in_turn(np.flatnonzero(samples.drawn & ~right).tolist(), labels)[:WRONG]
    others = _in_turn(np.flatnonzero(samples.drawn & right).tolist(), labels)
    chosen = [*mistakes, *others[: SHOWN - len(mistakes)]]
    for place in sorted(chosen, key=labels.__getitem__):
        content = _png(samples.pixels[place])
        yield Sample(content, MEDIA_TYPES["PNG"], short_name(paths[place]), labels[place])


def _of_folder(folder: Path, predictor: Predictor) -> tuple[Sample, ...]:
    own = predictor.contents.limits
    limits = replace(own, bytes=min(own.bytes, LARGEST))
    pictures = inputs.find([str(folder)], limits, io.BytesIO())
    parents = [str(Path(picture.name).parent) for picture in pictures]
    places = _in_turn(range(len(pictures)), parents)[:TRIED]
    read = (_read(pictures[place], predictor) for place in places)
    return tuple(itertools.islice((each for each in read if each), SHOWN))


def _read(picture: inputs.Picture, predictor: Predictor) -> Sample | None:
    """Return a picture, or None where it cannot be read, or browsers do not show it."""
    try:
        content = picture.fetch()
        if not isinstance(content, bytes) or format_of(content) not in MEDIA_TYPES:
            return None
        predictor.decode(content)
    except UnreadableImage:
        return None
    path = Path(picture.name)
    label = path.parent.name if path.parent.name in predictor.class_names else None
    return Sample(content, MEDIA_TYPES[format_of(content)], path.name, label)


def _in_turn(places: Iterable[int], groups: Sequence[Group]) -> list[int]:
    """Return places so that one of each group comes first, then a second of each, and so on.

    >>> _in_turn(range(5), ["cat", "cat", "cat", "dog", "owl"])
    [0, 3, 4, 1, 2]
    """
    before: dict[Group, int] = {}
    turns = {}
    for place in places:
        turns[place] = before[groups[place]] = before.get(groups[place], -1) + 1
    return sorted(turns, key=turns.__getitem__)


def _fits(content: bytes, predictor: Predictor) -> bool:
    found = predictor.try_to_decode(content)
    return isinstance(found, Decoded) and found.warning is None


def _png(pixels: Pixels) -> bytes:
    """Return an image `(H, W, C)` as a file that loses nothing."""
    file = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(file, "PNG")
    return file.getvalue()
