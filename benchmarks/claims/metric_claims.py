"""How often is something claimed of a metric that is not so, and what is found? For each metric.

    python benchmarks/claims/metric_claims.py [--climbs N] [--metrics NAMES] [--keep]

Each simulated climb has nine rungs with several seeds. A network gives an image logits: images
differ in difficulty and in what they resemble, rungs in which images they find hard, seeds in skill
and in which classes they prefer. In half of the climbs all rungs are equal, in the other half every
second step is better. Every metric is judged as `climb --metric` does.

Printed are, for each metric: the share of climbs with any false claim, of equal rungs and of both;
the share of 95 % intervals of a rung's metric that hold what it is with endless images and seeds,
and of differences; and the share of true steps that are found.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

sys.path.insert(0, str(Path(__file__).parents[1]))

import page
from _harness import results
from convladder.core.metrics import Metric, metric_named
from convladder.evaluation import moderation, scores, statistics
from convladder.evaluation.components import components
from convladder.evaluation.differences import judge
from convladder.evaluation.predictions import Answers

RUNGS = 9
STEPS = [(str(number), str(number - 1)) for number in range(1, RUNGS)]
FAMILY = list(dict.fromkeys([*STEPS, *((str(number), "0") for number in range(1, RUNGS))]))
GAINED = STEPS[::2]  # the steps with a difference, where there are any

DIFFICULTY = 1.5  # how much images differ for all networks
RESEMBLES = 1.0  # how much an image resembles each class, for all networks
OWN = 0.6  # the same for one rung, and for one network
GAIN = 0.6  # of the logit of the true class, where a step is better
ENDLESS = 40_000  # images, and
MANY = 60  # seeds, of which the truth is measured

RARE = "c0"  # the class with the fewest images
NAMES = (
    "accuracy",
    "balanced-accuracy",
    "macro-f1",
    "auroc",
    "log-loss",
    "brier",
    f"recall@{RARE}",
    f"precision@{RARE}",
    f"f1@{RARE}",
)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Setting:
    """Test images by class, how good networks are, and how much seeds differ.

    counts : images of each class, the rarest first. skill : of the logit of the true class.
    steady : the standard deviation of that among seeds; for each class half as much again.
    sharpness : by which logits are too large: above 1 networks are too sure of themselves.
    """

    name: str
    counts: tuple[int, ...]
    skill: float
    seeds: int
    steady: float = 0.15
    sharpness: float = 1.0

    @property
    def class_names(self) -> list[str]:
        """Names of the classes."""
        return [f"c{number}" for number in range(len(self.counts))]

    def labels(self, of_all: int | None = None) -> NDArray[np.int64]:
        """Return the classes of the images, or of so many in the same shares."""
        counts = np.array(self.counts)
        if of_all:
            counts = np.maximum(1, of_all * counts // counts.sum())
        return np.repeat(np.arange(len(counts)), counts)

    def draw(
        self, draw: np.random.Generator, skills: Sequence[float], seeds: int, labels: Floats
    ) -> list[list[Answers]]:
        """Simulate rungs of these skills on the same images: for each its networks' answers."""
        size = (len(labels), len(self.counts))
        own = np.zeros(size)
        own[np.arange(len(labels)), labels] = 1.0
        hard = draw.normal(0, DIFFICULTY, (len(labels), 1)) * own
        shared = hard + draw.normal(0, RESEMBLES, size)
        return [
            [self._network(draw, skill, own, of_rung) for _ in range(seeds)]
            for skill in skills
            for of_rung in [shared + draw.normal(0, OWN, size)]
        ]

    def _network(
        self, draw: np.random.Generator, skill: float, own: Floats, of_rung: Floats
    ) -> Answers:
        skilled = skill + draw.normal(0, self.steady)
        prefers = draw.normal(0, 1.5 * self.steady, own.shape[1])
        logits = skilled * own + of_rung + prefers + draw.normal(0, OWN, own.shape)
        chances = softmax(self.sharpness * logits, axis=1)
        return Answers(self.class_names, own.argmax(axis=1), logits.argmax(axis=1), chances)


SETTINGS = (
    Setting("10 classes, 1,670 images", (167,) * 10, 2.5, 5),
    Setting("10 classes, 1,670 images", (167,) * 10, 2.5, 3),
    Setting("10 classes, 1,670 images, unsteady", (167,) * 10, 2.5, 5, steady=0.4, sharpness=2),
    Setting("10 classes, 270 images", (27,) * 10, 5.0, 5),
    Setting("3 classes, 14 of 270 images", (14, 41, 215), 2.5, 5),
    Setting("3 classes, 50 of 1,000 images", (50, 150, 800), 2.5, 5),
    Setting("3 classes, 50 of 1,000 images, too sure", (50, 150, 800), 2.5, 3, 0.4, 3.0),
    Setting("2 classes, 30 of 600 images", (30, 570), 2.0, 5),
    Setting("2 classes, 30 of 600 images", (30, 570), 2.0, 12),
    Setting("2 classes, 270 images", (135, 135), 3.5, 5),
    Setting("2 classes, 270 images, too sure", (135, 135), 4.0, 5, sharpness=8.0),
)


@dataclass(frozen=True)
class Outcome:
    """What came of one climb: whether anything false was claimed, and shares."""

    false_null: bool
    false_mixed: bool
    covers: float
    covers_difference: float
    finds: float


def tables(rungs: Sequence[Sequence[Answers]], metric: Metric) -> dict[str, Floats]:
    """Return the scores of the networks of each rung, `(seeds, images)`."""
    return {
        str(number): np.stack([scores.score(metric, network) for network in rung])
        for number, rung in enumerate(rungs)
    }


def wrong_score(metric: Metric, networks: Sequence[Answers]) -> float | None:
    """Return the mean score that networks would get for a wrong answer; None for no loss."""
    found = [scores.if_wrong(metric, each) for each in networks]
    return None if found[0] is None else float(np.mean(found))


def climb(
    null: Sequence[Sequence[Answers]],
    mixed: Sequence[Sequence[Answers]],
    metric: Metric,
    truth: float,
) -> Outcome:
    """Judge a climb of equal rungs and one with true steps."""
    scale = scores.scale(metric, null[0][0])
    equal, better = tables(null, metric), tables(mixed, metric)
    judged = judge(statistics.find_each(equal, FAMILY, scale), len(FAMILY))
    stepped = judge(statistics.find_each(better, FAMILY, scale), len(FAMILY))
    verdicts = {pair: each.verdict for pair, each in zip(FAMILY, stepped, strict=True)}
    spreads = moderation.spreads({name: components(each, scale) for name, each in equal.items()})
    wrong = [wrong_score(metric, rung) for rung in null]
    estimates = [
        statistics.estimate(each, spreads[name], scale, of_wrong)
        for (name, each), of_wrong in zip(equal.items(), wrong, strict=True)
    ]
    called = ("better", "worse")
    return Outcome(
        any(each.verdict in called for each in judged),
        any(verdicts[pair] in called for pair in STEPS if pair not in GAINED)
        or any(verdict == "worse" for verdict in verdicts.values()),
        float(np.mean([each.low <= truth <= each.high for each in estimates])),
        float(np.mean([each.low <= 0 <= each.high for each in judged])),
        float(np.mean([verdicts[pair] == "better" for pair in GAINED])),
    )


def measure(
    setting: Setting, metrics: Sequence[Metric], climbs: int
) -> Mapping[str, Sequence[float]]:
    """Return for each metric the means over simulated climbs, in the order of `Outcome`."""
    draw = np.random.default_rng(1)
    truth = true_values(setting, metrics, draw)
    labels = setting.labels()
    equal = [setting.skill] * RUNGS
    stepped = [setting.skill + GAIN * ((number + 1) // 2) for number in range(RUNGS)]
    found: dict[str, list[Outcome]] = {metric.name: [] for metric in metrics}
    for _ in range(climbs):
        null = setting.draw(draw, equal, setting.seeds, labels)
        mixed = setting.draw(draw, stepped, setting.seeds, labels)
        for metric in metrics:
            found[metric.name].append(climb(null, mixed, metric, truth[metric.name]))
    return {
        name: np.mean([list(vars(each).values()) for each in outcomes], axis=0).tolist()
        for name, outcomes in found.items()
    }


def true_values(
    setting: Setting, metrics: Sequence[Metric], draw: np.random.Generator
) -> dict[str, float]:
    """Return the expected score of a network with endless images."""
    labels = setting.labels(ENDLESS)
    sums = dict.fromkeys([metric.name for metric in metrics], 0.0)
    for _ in range(MANY):
        ((network,),) = setting.draw(draw, [setting.skill], 1, labels)
        for metric in metrics:
            sums[metric.name] += float(scores.score(metric, network).mean()) / MANY
    return sums


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--climbs", type=int, default=200, metavar="N")
    parser.add_argument("--metrics", default=",".join(NAMES), help="of %(default)s")
    parser.add_argument("--keep", action="store_true", help="put the table into docs/metrics.md")
    given = parser.parse_args()
    metrics = [metric_named(name) for name in given.metrics.split(",")]
    print(f"{given.climbs} climbs each; {RUNGS} rungs, {len(FAMILY)} comparisons")
    print("data | seeds | metric | false of equal, of mixed | covers, of differences | finds")
    rows = []
    for setting in SETTINGS:
        for name, shares in measure(setting, metrics, given.climbs).items():
            rows.append({"data": setting.name, "seeds": setting.seeds, "metric": name})
            rows[-1] |= dict(zip(Outcome.__annotations__, shares, strict=True))
            told = " ".join(f"{share:6.1%}" for share in shares)
            print(f"{setting.name:40} | {setting.seeds:2} | {name:17} | {told}", flush=True)
    if given.keep:
        told = {"climbs": given.climbs, "rungs": RUNGS, "comparisons": len(FAMILY), "rows": rows}
        results.write_json(results.RESULTS / "metrics.json", told | results.circumstances())
        page.write()


if __name__ == "__main__":
    main()
