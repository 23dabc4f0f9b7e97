"""What would decide the comparisons that are undecided, and how long it would take."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from convladder.core.defaults import FOLDS
from convladder.core.formatting import plural
from convladder.evaluation import planning
from convladder.evaluation.differences import Finding
from convladder.evaluation.fold_prospects import Folded
from convladder.evaluation.prospects import MOST_IMAGES, MOST_SEEDS

if TYPE_CHECKING:
    from convladder.evaluation.differences import Difference
    from convladder.evaluation.prospects import Variance
    from convladder.results.group_summary import Claim
    from convladder.results.pace import Pace
    from convladder.results.saved_climb import SavedClimb


def images_in_folds(data: Mapping[str, Any]) -> int | None:
    """Return how many images folds would test, of data as a climb tells of them.

    None where the images have a test split of their own, or may have one, and where a class has
    fewer images (or groups that stay together) than there would be folds.
    """
    if "test" in data.get("own_splits", ["test"]):
        return None
    of_classes = Counter[str]()
    for counts in data["counts"].values():
        of_classes.update(counts)
    fewest = data.get("fewest_groups", min(of_classes.values()))
    return of_classes.total() if fewest >= FOLDS else None


def typical_variance(climb: SavedClimb) -> Variance | None:
    """Return how a difference varies in a climb, of the step in the middle; None with few seeds."""
    asked = climb.steps or climb.questions
    pairs = [pair for pair in asked if {*pair} <= {*climb.standings}]
    found = climb.lineup.find_each(climb.lineup.scores, pairs)
    variances = [each.variance for each in found if isinstance(each, Finding) and each.variance]
    return planning.typical(variances) if variances else None


def of_undecided(climb: SavedClimb) -> str:
    """Say what would find smaller differences, in a climb that has called none."""
    if climb.folds:
        return "More images would find smaller differences."
    differences = [each.difference for each in (*climb.against_parent, *climb.against_start)]
    more = ["seeds"] if any(each.seeds_needed for each in differences) else []
    if any(each.images_needed for each in differences):
        more.append("test images")
    said = f"More {' or '.join(more)} would find smaller differences." if more else ""
    return " ".join(filter(None, [said, _folds_would(climb)]))


def _folds_would(climb: SavedClimb) -> str:
    """Say what folds would find, where a comparison needs them; else nothing."""
    claims = [*climb.against_parent, *climb.against_start]
    seeds = [each for claim in claims if (each := claim.difference.fold_seeds_needed)]
    variance, images = typical_variance(climb), climb.images_in_folds
    if not seeds or variance is None or images is None:
        return ""
    folded = Folded(FOLDS, min(seeds), images)
    found = planning.detectable_in_folds(variance, folded, len(climb.questions))
    return (
        f"A new climb with {_options(folded.seeds)} would find true differences of about "
        f"{climb.lineup.metric.write_size(found)} 4 times out of 5. "
        f"It takes {_cost(folded.seeds, climb.pace)}."
    )


def needs(claims: Sequence[Claim], pace: Pace | None = None) -> str:
    """Say what would decide the undecided, each if it is as large as it looks."""
    undecided = [claim for claim in claims if claim.difference.verdict == "undecided"]
    found = {claim.name: ways(claim.difference, pace) for claim in undecided}
    told = [f"{name}: {' or '.join(own)}" for name, own in found.items() if own]
    said = []
    if told:
        said.append(
            "If a difference is as large as it looks, this would show it 4 times out of 5. "
            f"{'; '.join(told)}."
        )
    if not all(found.values()):
        which = "The others that are undecided" if told else "The undecided differences"
        said.append(
            f"{which} would need more than {MOST_SEEDS} seeds, or more than {MOST_IMAGES} times as "
            "many test images."
        )
    return " ".join(said)


def ways(found: Difference, pace: Pace | None = None) -> list[str]:
    """Return what would each decide a difference that is as large as it looks."""
    told = []
    if found.seeds_needed:
        took = f" ({pace.of_seeds(found.seeds_needed)})" if pace else ""
        told.append(f"{found.seeds_needed} seeds{took}")
    if found.fold_seeds_needed:
        seeds = found.fold_seeds_needed
        told.append(f"a new climb with {_options(seeds)} ({_cost(seeds, pace)})")
    if found.images_needed:
        told.append(f"{found.images_needed:,} test images")
    return told


def _options(seeds: int) -> str:
    """Name the options of a climb in folds, with so many seeds in each."""
    return f"--folds {FOLDS}" + (f" --seeds {seeds}" if seeds > 1 else "")


def _cost(seeds: int, pace: Pace | None) -> str:
    """Say what a climb in folds takes of each rung."""
    trainings = FOLDS * seeds
    took = f", {pace.of_each(trainings)}" if pace else ""
    return f"{plural(trainings, 'training')} of each rung{took}"
