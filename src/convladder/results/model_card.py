"""The model card of a run: Mitchell et al. 2019, "Model cards for model reporting", FAT*.

It is Markdown. What convladder knows stands between marks and is made again; what people wrote
stays.
"""

from __future__ import annotations

import html
import re
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from convladder.core import files
from convladder.core.formatting import percent, short_name
from convladder.core.metrics import ACCURACY
from convladder.evaluation import (
    calibration,
    metrics,
    mistakes,
    prediction_sets,
    predictions,
    sets_in_words,
    wording,
)
from convladder.evaluation.calibration import Calibration
from convladder.evaluation.intervals import proportion
from convladder.results import provenance
from convladder.results.saved_run import SavedRun
from convladder.results.seed_runs import robustness_of, trial_name

NAME = "card.md"
WANTED = 0.95  # accuracy for which a threshold is named

_BLANK = re.compile(r"(?<!\*)\*[^*\n]+[.?]\*(?!\*)")  # what the template asks, in italics
_PART = re.compile(
    r"<!-- convladder: (\w+) -->[ \t]*\r?\n(?:(?!<!-- convladder: ).)*?<!-- end -->", re.DOTALL
)


def write(run: SavedRun, calibrated: Calibration | None = None) -> None:
    """Write the run's card, or renew its figures; `calibrated` where that is known."""
    path, made = run.folder / NAME, _make(run, calibrated or calibration.assess(run.predictions))
    if path.exists():
        made = renew(path.read_bytes().decode("utf-8", errors="surrogateescape"), made)
    files.write_text(path, made)


def without_paths(run: SavedRun) -> str:
    """Return the run's card with what people wrote, but without this machine's places."""
    path, made = run.folder / NAME, _make(run, calibration.assess(run.predictions), ships=True)
    return (
        renew(path.read_text(encoding="utf-8", errors="replace"), made) if path.exists() else made
    )


def is_reworded(run: SavedRun, earlier: str) -> bool:
    """Whether people have other words in the run's card than in an earlier one."""
    path = run.folder / NAME
    return path.exists() and _words(path.read_text(encoding="utf-8", errors="replace")) != _words(
        earlier
    )


def open_questions(text: str) -> int:
    """Return how many questions of a card nobody has answered yet.

    >>> open_questions("Made by: *who made it?* Licence: Apache 2.0.")
    1
    """
    return len(_BLANK.findall(text))


def renew(kept: str, made: str) -> str:
    """Return the kept card with the marked parts of the new one, in its own line endings.

    A part that was taken out stays out.

    >>> renew(
    ...     "Ours.<!-- convladder: use -->\\nold\\n<!-- end --> Mine.",
    ...     "<!-- convladder: use -->\\nnew\\n<!-- end -->",
    ... )
    'Ours.<!-- convladder: use -->\\nnew\\n<!-- end --> Mine.'
    """
    if "\r\n" in kept:
        made = made.replace("\n", "\r\n")
    parts = {part[1]: part[0] for part in _PART.finditer(made)}
    return _PART.sub(lambda part: parts.get(part[1], part[0]), kept)


def _words(text: str) -> str:
    """Return a card without what stands between marks."""
    return _PART.sub(lambda part: part[1], text)


def _make(run: SavedRun, calibrated: Calibration, *, ships: bool = False) -> str:
    environment = Environment(
        loader=PackageLoader("convladder.results"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= _FILTERS
    test = run.tested
    judged_by = run.experiment.judged_by
    right, trained = predictions.correct(test), run.about["data"]["counts"]["train"].values()
    return environment.get_template(NAME).render(
        run=run,
        ships=ships,
        trial=trial_name(run),
        data=run.about["data"],
        environment=run.about["environment"],
        changes=provenance.changes_on_the_way(run.about),
        price=run.metrics["price"],
        test=run.metrics["test"],
        judged_by=None if judged_by == ACCURACY else judged_by,
        judged_value=run.measure(judged_by, "test"),
        measured=metrics.told(run.metrics["test"], but="accuracy"),
        accuracy=proportion(int(right.sum()), len(right)),
        classes=mistakes.class_accuracies(test),
        robustness=robustness_of(run),
        calibration=wording.of_calibration(calibrated),
        selection=wording.of_selection(calibration.select(run.predictions, WANTED)),
        sets=sets_in_words.of_sets(prediction_sets.measure(run.predictions)),
        train_images=sum(trained),
        fewest=min(trained),
        most=max(trained),
    )


def _interval(estimate: Any) -> str:
    return f"{100 * estimate.low:.1f} to {100 * estimate.high:.1f}"


def cell(text: str) -> str:
    """Return text that does not break a table's row."""
    return html.escape(text, quote=False).replace("|", "\\|").replace("\n", " ")


_FILTERS = {
    "percent": percent,
    "interval": _interval,
    "cell": cell,
    "short_name": short_name,
    "readable": wording.readable,
}
