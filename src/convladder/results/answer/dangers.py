"""What to watch out for: three sentences at most of what a network's mistakes would show.

No test stands behind these. They describe the test images that there were.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from convladder.core.formatting import percent, plural
from convladder.evaluation import label_errors, mistakes
from convladder.evaluation.robustness import Robustness
from convladder.evaluation.wording import where
from convladder.results import next_steps
from convladder.results.answer.cards import Card
from convladder.results.answer.naming import few
from convladder.results.answer.sentences import Explained, Sentence, share
from convladder.results.seed_runs import SeedRun, not_trained_on

if TYPE_CHECKING:
    from convladder.results.saved_climb import SavedClimb

MOST = 3  # dangers on a card
FEW_IMAGES = 30  # of a class on test: of fewer, its accuracy is hardly known
LARGE_DROP = 0.1  # of accuracy, under a corruption at its mean strength
LEAST_MISTAKES = 2  # of a pair of classes: one alone is no pattern
DESCRIBED = "This describes the test images. It is not checked for chance."


@dataclass(frozen=True)
class Suspect:
    """The network that is looked at.

    seeds : of its kind. shown : the one whose mistakes are told. others : how the other rungs bear
    corruption, by name.
    """

    seeds: tuple[SeedRun, ...]
    shown: SeedRun
    robustness: Robustness | None
    others: Mapping[str, Robustness] = field(default_factory=dict)


def of_climb(climb: SavedClimb) -> Card:
    """Say what to watch out for with the rung that a climb's page shows."""
    name = climb.shown.rung
    others = climb.lineup.asked_as(name)
    suspect = Suspect(climb.shown_seeds, climb.shown_seed, others.pop(name, None), others)
    return of_network(suspect, climb.about["data"])


def of_network(suspect: Suspect, data: Mapping[str, Any]) -> Card:
    """Say what to watch out for with a network."""
    of_data = [*_leaks(data), *_untested_classes(suspect, data)]
    found = [*of_data, *(said for kind in _KINDS for said in kind(suspect))]
    if not found:
        return Card("Watch out", (("Nothing stands out among its mistakes.",),))
    told = tuple(islice(found, MOST))
    if any(said in told for said in _disputed_labels(suspect)):
        step = next_steps.explain(suspect.shown.runs[0])
        return Card("Watch out", told, step.command, "To look at the labels:", DESCRIBED)
    return Card("Watch out", told, note=DESCRIBED)


def _leaks(data: Mapping[str, Any]) -> Iterator[Sentence]:
    if any(note.startswith("kept a leak") for note in data["notes"]):
        yield ("Train and test overlap and were kept so: test accuracy may be too high.",)


def _untested_classes(suspect: Suspect, data: Mapping[str, Any]) -> Iterator[Sentence]:
    tested = set(suspect.shown.tested["label"])
    untested = [name for name in data["class_names"] if name not in tested]
    if untested:
        have = "has" if len(untested) == 1 else "have"
        yield (f"{few(untested, 'classes')} {have} no test image: the accuracy there is unknown.",)


def _disputed_labels(suspect: Suspect) -> Iterator[Sentence]:
    found = label_errors.suspects(not_trained_on(suspect.seeds))
    count = int((found["split"] == "test").sum())
    if count:
        figure = Explained(
            f"labels of {plural(count, 'test image')}",
            "The networks are as confident in another class as they usually are when it is right.",
        )
        yield ("It disputes the ", figure, ": look at them, some may be wrong.")


def _worst_corruption(suspect: Suspect) -> Iterator[Sentence]:
    own = suspect.robustness
    if own is None:
        return
    name = min(own.curves, key=lambda each: _mean(own, each))
    if own.clean.mean - _mean(own, name) < LARGE_DROP:
        return
    meaning = f"Accuracy on {where(name)}, averaged over five strengths."
    better = {other: _mean(found, name) for other, found in suspect.others.items()}
    best = max(better, key=lambda other: better[other], default=None)
    told: Sentence = ()
    if best is not None and better[best] > _mean(own, name):
        told = (f" ({best}: ", Explained(percent(better[best]), meaning), ")")
    yield (
        f"On {where(name)} its accuracy falls to ",
        Explained(percent(_mean(own, name)), meaning),
        *told,
        ".",
    )


def _mean(found: Robustness, corruption: str) -> float:
    """Return the accuracy under a corruption, averaged over its strengths."""
    strengths = found.curves[corruption][1:]
    return sum(each.mean for each in strengths) / len(strengths)


def _confused_classes(suspect: Suspect) -> Iterator[Sentence]:
    for pair in mistakes.confused_pairs(suspect.shown.tested, most=1):
        count = len(pair.rows)
        if count >= LEAST_MISTAKES:
            of_class = f"of {pair.share.images:,} test images of {pair.label}"
            figure = Explained(f"{count:,} {of_class}", share(pair.share, "Of this class").meaning)
            yield ("It took ", figure, f" for {pair.predicted}.")


def _small_classes(suspect: Suspect) -> Iterator[Sentence]:
    found = mistakes.class_accuracies(suspect.shown.tested)
    small = {name: own for name, own in found.items() if own.images < FEW_IMAGES}
    if not small:
        return
    name = min(small, key=lambda each: small[each].images)
    own = small[name]
    images = plural(own.images, "test image")
    bounds = Explained(
        f"{100 * own.low:.0f} to {100 * own.high:.0f} %",
        f"The 95 % interval of the share of {name} that it gets right.",
    )
    others = ""
    if len(small) > 1:
        which = "All classes" if len(small) == len(found) else plural(len(small), "class")
        others = f" {which} have fewer than {FEW_IMAGES}."
    yield (f"Class {name} has only {images}: its accuracy may be ", bounds, f".{others}")


# in the order in which they are told
_KINDS: tuple[Callable[[Suspect], Iterator[Sentence]], ...] = (
    _worst_corruption,
    _confused_classes,
    _disputed_labels,
    _small_classes,
)
