"""One gallery of test images: mistakes of every kind, each image once, and some that are right."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from convladder.evaluation import label_errors, mistakes, predictions
from convladder.report.samples import Sample, read_kept, read_samples
from convladder.results.saved_run import SavedRun
from convladder.results.seed_runs import SeedRun, not_trained_on

MOST_SUSPECTS = 12
MOST_WRONG, MOST_RIGHT = 24, 6  # images that are shown

DISPUTED, WORST, CONFUSED = "label?", "surest mistake", "often confused"


@dataclass(frozen=True)
class Shown:
    """An image, and why it is shown. classes : the places of its classes among the gallery's."""

    sample: Sample
    badges: tuple[str, ...] = ()
    classes: tuple[int, ...] = ()


@dataclass
class Collector:
    """Takes images by path, each once, with all the reasons there are to show it."""

    found: dict[str, Shown] = field(default_factory=dict)

    def take(self, samples: Iterable[Sample], badge: str = "") -> None:
        """Take images, with a reason."""
        for sample in samples:
            known = self.found.get(sample.path, Shown(sample))
            badges = dict.fromkeys([*known.badges, *([badge] if badge else [])])
            self.found[sample.path] = replace(known, badges=tuple(badges))


@dataclass(frozen=True)
class MistakeGallery:
    """The images, the wrong ones first, and the classes that they are of or were taken for."""

    shown: tuple[Shown, ...]
    class_names: tuple[str, ...]

    @property
    def disputed(self) -> int:
        """How many have labels that look wrong."""
        return sum(DISPUTED in each.badges for each in self.shown)

    @property
    def wrong(self) -> int:
        return sum(not each.sample.right for each in self.shown)


def gather(pooled: SeedRun, run: SavedRun, seeds: Sequence[SeedRun]) -> MistakeGallery:
    """Choose what to show.

    pooled : whose mistakes they are. run : whose images drawn at random. seeds : that dispute
    labels together.
    """
    kept, table = read_kept(pooled), pooled.tested
    own = {sample.path: sample for sample in kept.values()}
    collected = Collector()
    collected.take(_suspects(seeds, own), DISPUTED)
    collected.take((kept[row] for row in mistakes.most_wrong(table).tolist() if row in kept), WORST)
    for pair in mistakes.confused_pairs(table):
        if len(pair.rows) > 1:
            rows = pair.rows[: mistakes.OF_PAIR]
            collected.take((kept[row] for row in rows if row in kept), CONFUSED)
    drawn = read_samples(run)
    collected.take(drawn)
    found = list(collected.found.values())
    wrong = islice((each for each in found if not each.sample.right), MOST_WRONG)
    right = islice((each for each in found if each.sample.right), MOST_RIGHT)
    return _with_classes([*wrong, *right])


def _suspects(seeds: Sequence[SeedRun], own: dict[str, Sample]) -> list[Sample]:
    """Return the disputed test images: as the shown network saw them, or else as another did."""
    table = not_trained_on(seeds)
    others = {each.path: each for seed in seeds for each in read_kept(seed).values()}
    test = predictions.part(table, "test").iloc[label_errors.suspected_rows(table, "test")]
    rows = test[test["path"].isin(others)].head(MOST_SUSPECTS).to_dict("records")
    return [own.get(row["path"]) or others[row["path"]] for row in rows]


def _with_classes(shown: Sequence[Shown]) -> MistakeGallery:
    """Give each image the places of its classes among those that appear."""
    names = sorted({name for each in shown for name in (each.sample.label, each.sample.predicted)})
    places = {name: place for place, name in enumerate(names)}
    placed = [
        replace(
            each,
            classes=tuple(
                sorted({places[name] for name in (each.sample.label, each.sample.predicted)})
            ),
        )
        for each in shown
    ]
    return MistakeGallery(tuple(placed), tuple(names))
