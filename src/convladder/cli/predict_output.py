"""What `bundle` and `predict` print: predictions as lines for people, CSV, or JSON lines."""

from __future__ import annotations

import csv
import json
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TextIO

from convladder.cli import steps_output
from convladder.core.errors import UnreadableImage
from convladder.core.formatting import plural, printable
from convladder.evaluation import conformal, sets_in_words, wording
from convladder.results.bundle.bundle import Bundle
from convladder.results.bundle.predictor import BATCH, Outcome, Prediction

if TYPE_CHECKING:
    from convladder.deploy.exporter import Exported
    from convladder.deploy.parity import Parity

Format = Literal["lines", "csv", "json"]
Write = Callable[[str, Outcome], None]

LONGEST = 60  # characters that a name is given room for
BETWEEN = "|"  # the classes of a prediction set in CSV
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def bundle(path: Path, run: Path, *, json_wanted: bool) -> None:
    """Print what the bundle of a run is, and how to use it."""
    opened = Bundle(path)
    if json_wanted:
        contents = opened.contents.model_dump(mode="json", exclude={"tensors", "experiment"})
        told = contents | {"path": str(path), "bytes": path.stat().st_size}
        sys.stdout.write(json.dumps(told, indent=2) + "\n")
        return
    sys.stdout.write("\n".join([*_figures(opened), *_open_questions(opened, run)]) + "\n")
    steps_output.show(steps_output.of_bundle(path, run))


def _figures(opened: Bundle) -> Iterator[str]:
    """Say how large a bundle is, how well it predicts, and what it makes of deep images."""
    contents, size = opened.contents, opened.path.stat().st_size
    accuracy, selection, form = contents.figures.accuracy, contents.selection, contents.image_form
    yield (
        f"{opened.path}: {size / 1e6:.1f} MB, {len(contents.class_names)} classes, images of "
        f"{form.height}x{form.width}"
    )
    yield (
        f"test: accuracy {accuracy.share:.4f} ({accuracy.low:.4f} to {accuracy.high:.4f}) "
        f"on {accuracy.images:,} images"
    )
    yield wording.of_threshold(selection)
    if contents.prediction_sets:
        yield sets_in_words.of_bundle(contents.prediction_sets)
    if form.intensity is not None:
        yield f"of more than 8 bits, values {form.intensity} become black to white"


def _open_questions(opened: Bundle, run: Path) -> Iterator[str]:
    """Say how the open questions of a model card are answered, if there are any."""
    from convladder.results import model_card

    count, wanted = model_card.open_questions(opened.card), opened.contents.selection.wanted
    if count:
        again = f"convladder bundle {shlex.quote(str(run))} -o {shlex.quote(str(opened.path))}"
        again += "" if wanted == model_card.WANTED else f" --accuracy {wanted:g}"
        again += " --as-seen" if opened.contents.selection.basis == "as-seen" else ""
        sets = opened.contents.prediction_sets
        if sets and sets.wanted != conformal.COVERAGE:
            again += f" --coverage {sets.wanted:g}"
        yield (
            f"its model card has {plural(count, 'question')} open: answer them in "
            f"{shlex.quote(str(run / model_card.NAME))}, then: {again}"
        )


def export(exported: Exported, *, json_wanted: bool) -> None:
    """Print where an export is, and how near it comes to the network."""
    found = exported.parity
    if json_wanted:
        told = {"folder": str(exported.folder), "format": exported.kind} | found.as_json()
        sys.stdout.write(json.dumps(told, indent=2) + "\n")
        return
    from convladder.deploy.exporter import EXAMPLE

    lost = found.accuracy_lost
    lines = [
        (
            f"{exported.model}: {found.bytes / 1e6:.2f} MB (weights: "
            f"{found.original_bytes / 1e6:.2f} MB)"
        ),
        f"parity on {found.images:,} images: largest difference of a probability "
        f"{found.largest:.2g}, mean {found.mean:.2g}; {100 * (found.same.share or 0):.2f} % equal "
        "predictions",
        f"accuracy lost on {found.accuracy.images:,} test images: {lost.difference:+.4f} "
        f"({lost.low:+.4f} to {lost.high:+.4f})",
        (
            f"{found.milliseconds:.3g} ms an image in batches of {BATCH}; Keras: "
            f"{found.original_milliseconds:.3g}"
        ),
        *_from_files(found),
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    steps_output.show(steps_output.of_export(exported.folder / EXAMPLE))


def _from_files(found: Parity) -> list[str]:
    """Return the line about files; in int8 answers may be others, as the network is."""
    if found.files is None:
        return []
    tried = found.files
    return [
        f"parity of the example on {plural(tried.files, 'file')}, among them formats that "
        f"programs often read differently: pixels differ by {tried.pixels} of 255 at most, "
        f"probabilities by {tried.largest:.2g}; {tried.other_class} other classes, "
        f"{tried.other_unsure} marked unsure differently"
    ]


def writer(kind: Format, stream: TextIO, names: Sequence[str], top: int) -> Write:
    """Return what writes a picture's name and what became of it. `names` are all that will come."""
    if kind == "json":
        return lambda name, outcome: _write_json(stream, name, outcome)
    if kind == "csv":
        return _csv_writer(stream, top)
    width = min(LONGEST, max((len(printable(name)) for name in names), default=0))
    return lambda name, outcome: _write_line(stream, name.ljust(width), outcome)


def neutral(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula.

    See https://owasp.org/www-community/attacks/CSV_Injection.

    >>> neutral("=cmd()"), neutral("cat")
    ("'=cmd()", 'cat')
    """
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _write_line(stream: TextIO, name: str, outcome: Outcome) -> None:
    if isinstance(outcome, UnreadableImage):
        said = f"not read: {outcome}"
    else:
        said = ", ".join(f"{class_name} {share:.3f}" for class_name, share in outcome.top)
        said += _among(outcome)
        said += "  unsure" if outcome.unsure else ""
        said += f"  warning: {outcome.warning}" if outcome.warning else ""
    stream.write(f"{printable(name)}  {printable(said)}\n")


def is_ambiguous(outcome: Outcome) -> bool:
    """Whether the prediction set of an image has more than one class."""
    if isinstance(outcome, UnreadableImage) or outcome.prediction_set is None:
        return False
    return len(outcome.prediction_set.classes) > 1


def _among(prediction: Prediction) -> str:
    """Name the prediction set where it has more than one class."""
    found = prediction.prediction_set
    if found is None or not is_ambiguous(prediction):
        return ""
    return f"  ({100 * found.coverage:g} %: {sets_in_words.of_set(found.classes)})"


def _write_json(stream: TextIO, name: str, outcome: Outcome) -> None:
    row: dict[str, Any] = {"path": name}
    if isinstance(outcome, UnreadableImage):
        row |= {"error": outcome.reason, "detail": outcome.detail}
    else:
        top = [
            {"class": class_name, "probability": round(share, 6)}
            for class_name, share in outcome.top
        ]
        row |= {"class": outcome.class_name, "probability": round(outcome.confidence, 6)}
        row |= {"unsure": outcome.unsure, "top": top} | (
            {"warning": outcome.warning} if outcome.warning else {}
        )
        row |= {"prediction_set": asdict(outcome.prediction_set)} if outcome.prediction_set else {}
    stream.write(json.dumps(row) + "\n")


def _csv_writer(stream: TextIO, top: int) -> Write:
    rows = csv.writer(stream, lineterminator="\n")
    others = [
        f"{column}_{place}" for place in range(2, top + 1) for column in ("class", "probability")
    ]
    last = ["warning", "prediction_set"]
    rows.writerow(["path", "class", "probability", "unsure", "error", *others, *last])

    def write(name: str, outcome: Outcome) -> None:
        if isinstance(outcome, UnreadableImage):
            rows.writerow(
                [neutral(name), "", "", "", neutral(str(outcome)), *[""] * len(others), "", ""]
            )
            return
        cells = [cell for named, share in outcome.top for cell in (neutral(named), f"{share:.6f}")]
        rows.writerow(
            [
                neutral(name),
                *cells[:2],
                str(outcome.unsure).lower(),
                "",
                *cells[2:],
                outcome.warning or "",
                neutral(BETWEEN.join(outcome.prediction_set.classes))
                if outcome.prediction_set
                else "",
            ]
        )

    return write
